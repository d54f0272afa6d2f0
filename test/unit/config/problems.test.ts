import fc from 'fast-check';
import { loadConfig } from '../../../src/config/load.ts';
import { nearest, problemLine } from '../../../src/config/problems.ts';
import { isPostlaneError } from '../../../src/domain/error.ts';
import { problemsOf } from './problems-of.ts';

const messages = (text: string) => problemsOf(text).map(({ path, message }) => `${path} ${message}`);

it('lists everything at once, in the order of the file', () => {
  const text = [
    'kafak: 1',
    'circuit:',
    '  failures: 0',
    '  reset: 60',
    'router:',
    '  queues:',
    '    marketting: {}',
  ].join('\n');
  expect(problemsOf(text)).toEqual([
    { path: 'kafak', line: 1, message: 'is not a key that exists here (did you mean "kafka"?)' },
    { path: 'circuit.failures', line: 3, message: 'must lie between 1 and 1000, not 0' },
    { path: 'circuit.reset', line: 4, message: 'must be a time with its unit, as in 30s, not 60' },
    {
      path: 'router.queues.marketting',
      line: 7,
      message: 'is not a name that exists here (did you mean "marketing"?)',
    },
  ]);
});

it('tells a YAML mistake with its line', () => {
  expect(problemsOf('kafka:\n  brokers: [a:1\nhttp: {}')[0]).toMatchObject({ line: 3 });
  expect(problemsOf('http: {}\nhttp: {}')[0]).toMatchObject({ line: 2, message: 'Map keys must be unique' });
  expect(messages('just words')).toEqual([' must hold keys and values']);
});

it('says which file cannot be read', () => {
  expect(() => loadConfig({ path: '/nowhere/postlane.yaml', env: {} })).toThrow('ENOENT');
});

it('writes a problem as compilers do', () => {
  expect(problemLine('a.yaml', { path: 'x.y', line: 3, message: 'is wrong' })).toBe('a.yaml:3: x.y: is wrong');
  expect(problemLine(null, { path: '', line: null, message: 'is wrong' })).toBe('configuration: is wrong');
});

describe.each([
  ['a secret that is written down', 'relay: {user: env:U, password: hunter2, tls: starttls}', 'hunter2'],
  ['a URL with a password', 'redis: {url: "rdis://:hunter2@host"}', 'hunter2'],
])('%s', (_, text, secret) => {
  it('is refused and not repeated', () => {
    expect(JSON.stringify(problemsOf(text))).not.toContain(secret);
  });
});

describe('contradictions', () => {
  it.each([
    ['kafka: {session_timeout: 6s, heartbeat_interval: 3s}', 'kafka.heartbeat_interval must be at most a third'],
    ['kafka: {session_timeout: 2m}', 'kafka.rebalance_timeout must not be shorter'],
    ['webhooks: {routes: {hook: {format: generic}}}', 'webhooks.routes.hook needs a secret'],
    ['webhooks: {routes: {hook: {format: ses}}}', 'webhooks.routes.hook needs the topics'],
    [
      'webhooks: {routes: {hook: {format: ses, secret: env:X, topics: [arn:aws:sns:eu-west-1:123456789012:mail]}}}',
      'webhooks.routes.hook.secret is not used',
    ],
    [
      'webhooks: {routes: {hook: {format: generic, secret: env:X, topics: [arn:aws:sns:eu-west-1:123456789012:mail]}}}',
      'webhooks.routes.hook.topics is for format ses',
    ],
    [
      'webhooks: {routes: {inbound: {format: generic, secret: env:X}}}',
      'webhooks.routes.inbound is the name of the return path',
    ],
    [
      'webhooks: {routes: {unsubscribe: {format: generic, secret: env:X}}}',
      'webhooks.routes.unsubscribe is the name of the unsubscribe links',
    ],
    ['privacy: {hash_addresses: true}', 'privacy.hash_addresses needs privacy.address_key'],
    ['privacy: {hash_addresses: true, address_key: a-secret-in-the-clear}', 'privacy.address_key must be a reference'],
    ['unsubscribe: {key: env:X}', 'unsubscribe has a key and needs the base_url'],
    ['unsubscribe: {key: env:X, base_url: "http://u.example"}', 'unsubscribe.base_url must be https'],
    [
      'unsubscribe: {key: env:X, base_url: "https://u.example/?a=b"}',
      'unsubscribe.base_url must be host and path alone',
    ],
    [
      'webhooks: {routes: {hook: {format: generic, secret: env:X, sources: [ses-1]}}}',
      'webhooks.routes.hook.sources names the source "ses-1"',
    ],
    ['inbound: {tls_key: env:X}', 'inbound needs both tls_key and tls_certificate'],
    ['worker: {drain: 60s}', 'worker.drain must be shorter than kafka.rebalance_timeout'],
    ['router: {max_age: 7d}', 'router.max_age must be below the 7 days'],
    ['router: {queues: {marketing: {max_age: 8d}}}', 'router.queues.marketing.max_age must be below the 7 days'],
    ['router: {dedup_window: 8d}', 'router.dedup_window must not exceed the 7 days'],
    ['router: {queues: {marketing: {tick: 4s}}}', 'router.queues.marketing.tick must be shorter'],
    ['router: {queues: {marketing: {max_age: 2h}}}', 'router.queues.marketing.retry_policy has a delay'],
    ['job: {max_size: 40MB}', 'worker.site_queue.max_size must hold at least one job'],
    ['worker: {site_queue: {max_size: 300MB}}', 'worker.all_queues.max_size must not be below'],
    ['worker: {site_queue: {max_mails: 30000}}', 'worker.all_queues.max_mails must not be below'],
    [
      'router: {queues: {marketing: {ip_pool: transactional}}}',
      'router.queues.marketing.ip_pool mixes transactional and marketing',
    ],
    ['pools: {p: {sources: [s]}}', 'pools.p.sources names the source "s", which is not declared'],
    ['pools: {p: {}}', 'pools.p has no sources'],
    ['relay: {user: env:U}', 'relay needs both user and password'],
    ['relay: {host: mx.example, user: env:U, password: env:P}', 'relay.tls is opportunistic: a password would cross'],
    ['senders: {domains: [{name: a.example}, {name: a.example}]}', 'senders.domains[1] names a.example a second time'],
    ['providers: {yahoo: {domains: [gmail.com]}}', 'providers.yahoo.domains claims gmail.com, which belongs to google'],
  ])('%s', (text, message) => {
    const found = messages(text);
    expect(found).toEqual(expect.arrayContaining([expect.stringContaining(message)]));
    expect(new Set(found.map((line) => line.split(' ')[0])).size).toBe(1);
  });

  it('finds the pool that was meant', () => {
    const text = `
sources: {one: {host: r.example, helo: one.example}, two: {host: r.example, helo: two.example}, three: {host: r.example, helo: three.example}}
pools: {transactional: {sources: [one]}, notification: {sources: [two]}, marketing: {sources: [thre]}}
router: {queues: {marketing: {ip_pool: marketting}}}`;
    expect(problemsOf(text)).toEqual([
      {
        path: 'pools.marketing.sources',
        line: 3,
        message: 'names the source "thre", which is not declared (did you mean "three"?)',
      },
      {
        path: 'router.queues.marketing.ip_pool',
        line: 4,
        message: 'names the pool "marketting", which is not declared (did you mean "marketing"?)',
      },
      expect.objectContaining({ path: 'router.queues.marketing-throttled.ip_pool' }),
    ]);
  });

  it('refuses a source that two types use through two pools', () => {
    const text = `
sources: {one: {host: r.example, helo: one.example}, two: {host: r.example, helo: two.example}}
pools: {transactional: {sources: [one]}, notification: {sources: [two]}, marketing: {sources: [one]}}`;
    expect(messages(text)).toEqual([expect.stringContaining('sources.one mixes transactional and marketing mail')]);
  });

  it('lets types mix where the operator insists', () => {
    const insisting = `
pools: {all: {sources: [one], let_one_type_ruin_the_reputation_of_the_others: true}}
sources: {one: {host: r.example, helo: one.example}}
router: {queues: {transactional: {ip_pool: all}, notification: {ip_pool: all}, marketing: {ip_pool: all}}}`;
    expect(loadConfig({ text: insisting, env: {} }).pools[0]?.types).toHaveLength(3);
    expect(messages(insisting.replace('true', 'false'))).toEqual([expect.stringContaining('pools.all mixes')]);
  });
});

describe('the reader of files', () => {
  it('answers any text with a configuration or with problems, and nothing else', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'router:',
        '  queues:',
        ' - ',
        '{',
        '}',
        '[',
        '&a',
        '*a',
        '<<: *a',
        '"',
        '\n',
        ': ',
        '${',
        '__proto__: 1',
        'kafka: {brokers: ',
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          loadConfig({ text: pieces.join(''), env: {} });
        } catch (error) {
          expect(isPostlaneError(error, 'CONFIG_INVALID')).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is not blown up by aliases', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let n = 1; n < 10; n += 1)
      lines.push(
        `a${n}: &a${n} [${Array(10)
          .fill(`*a${n - 1}`)
          .join(',')}]`,
      );
    expect(messages(lines.join('\n'))).toEqual(
      expect.arrayContaining([expect.stringContaining('holds too many values')]),
    );
  });

  it('is bounded', () => {
    expect(messages(`# ${'x'.repeat(1_000_001)}`)).toEqual([' is longer than 1000000 characters']);
  });
});

describe('the nearest word', () => {
  it.each([
    ['kafak', 'kafka'],
    ['ip_pol', 'ip_pool'],
    ['ratelimit', 'rate_limit'],
    ['zzzzzz', null],
  ])('of %s is %s', (word, expected) => {
    expect(nearest(word, ['kafka', 'ip_pool', 'rate_limit', 'priority'])).toBe(expected);
  });
});

it('a direct source needs what mail exchangers look at, and nothing that is a relay’s', () => {
  const text = `
sources:
  good: { mode: direct, local_address: 192.0.2.1, helo: good.shop.example }
  bad: { mode: direct, local_address: eth0, helo: localhost, tls: implicit, user: "env:U", password: "env:P", host: mx.example }
pools: { transactional: { sources: [good] }, notification: { sources: [bad] }, marketing: { sources: [bad] } }
sites:
  google: { mx: [.google.com], why: a provider }
  empty: { mx: [], why: nobody }
`;
  expect(messages(text).filter((each) => !each.includes('mixes'))).toEqual([
    'sources.bad.host is for relays; a direct source finds its host in the MX records',
    'sources.bad.local_address must be an address of this machine',
    'sources.bad.tls is implicit: mail exchangers speak STARTTLS',
    'sources.bad.user is for relays: nobody logs in at a mail exchanger',
    'sources.bad.helo must be a full host name: mail exchangers look it up',
    'sites.google is a provider: its limits belong into providers',
    'sites.empty.mx is missing: a site is known by its mail exchangers',
  ]);
});

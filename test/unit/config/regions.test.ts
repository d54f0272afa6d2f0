import { loadConfig, loadExplained } from '../../../src/config/load.ts';
import { shown } from '../../../src/config/show.ts';
import { problemsOf } from './problems-of.ts';

const SOURCES = `
sources:
  tx-eu: { region: eu, host: relay.eu.example }
  tx-us: { region: us, host: relay.us.example }
  mk-eu: { region: eu, mode: direct, local_address: 192.0.2.1, helo: mail.eu.example }
  mk-us: { region: us, mode: direct, local_address: 192.0.2.2, helo: mail.us.example }
  nt-eu: { region: eu, host: relay.eu.example }
  nt-us: { region: us, host: relay.us.example }
pools:
  transactional: { sources: [tx-us, tx-eu] }
  notification: { sources: [nt-us, nt-eu] }
  marketing: { sources: [mk-us, mk-eu] }
reputation: { warm_up: { sources: [mk-us, mk-eu] } }
`;
const BOTH = `regions: { eu: { residency: strict }, us: { residency: prefer } }\n${SOURCES}`;
const load = (text: string, region?: string, env: Record<string, string> = {}) =>
  loadConfig({ text, env: { ...env, ...(region && { POSTLANE_REGION: region }) } });
const told = (text: string, env: Record<string, string> = {}) =>
  problemsOf(text, env).map(({ path, line, message }) => `${path} (${line}) ${message}`);

it('leaves everything as it is where there are none, whatever sources say about theirs', () => {
  const config = load(SOURCES);
  expect([config.region, config.regions]).toEqual([null, []]);
  expect(config.pools.map(({ sources }) => sources)).toEqual([
    ['tx-us', 'tx-eu'],
    ['nt-us', 'nt-eu'],
    ['mk-us', 'mk-eu'],
  ]);
  expect(config.sources.some(({ isAway }) => isAway)).toBe(false);
  expect(config.stateDir).toBe('.postlane');
});

it('shows a strict region its own sources, and none besides', () => {
  const config = load(BOTH, 'eu');
  expect(config.region).toMatchObject({ name: 'eu', residency: 'strict' });
  expect(config.pools.map(({ sources }) => sources)).toEqual([['tx-eu'], ['nt-eu'], ['mk-eu']]);
  expect(config.sources.map(({ name, isAway }) => [name, isAway])).toEqual([
    ['tx-eu', false],
    ['mk-eu', false],
    ['nt-eu', false],
  ]);
  expect(config.reputation.warmUp.sources).toEqual(['mk-eu']);
});

it('puts the relays of others behind its own where it prefers them, but no address of another machine', () => {
  const config = load(BOTH, 'us');
  expect(config.pools.map(({ sources }) => sources)).toEqual([['tx-us', 'tx-eu'], ['nt-us', 'nt-eu'], ['mk-us']]);
  expect(config.sources.filter(({ isAway }) => isAway).map(({ name }) => name)).toEqual(['tx-eu', 'nt-eu']);
});

const ANSWERS = `
senders: { domains: [{ name: shop.example, return_path: bounces.shop.example }, { name: x.example }] }
unsubscribe: { base_url: https://shop.example/unsubscribe/ }
inbound: { addresses: [{ address: loop@eu.example, region: eu }, { address: loop@us.example, region: us }] }
webhooks:
  routes:
    told-eu: { format: generic, secret: env:A, region: eu }
    told-us: { format: generic, secret: env:A, region: us }
`;

it('has addresses, links and routes of its own for what comes back', () => {
  const config = load(BOTH + ANSWERS, 'eu');
  expect(config.senders.list.map(({ domain, returnPathDomain }) => [domain, returnPathDomain])).toEqual([
    ['shop.example', 'eu.bounces.shop.example'],
    ['x.example', 'eu.x.example'],
  ]);
  expect(config.unsubscribe.baseUrl).toBe('https://shop.example/unsubscribe/eu');
  expect(config.inbound.addresses.map(({ address }) => address)).toEqual(['loop@eu.example']);
  expect(config.webhooks.routes.map(({ name }) => name)).toEqual(['told-eu']);
  const none = load(SOURCES + ANSWERS);
  expect(none.senders.list[0]?.returnPathDomain).toBe('bounces.shop.example');
  expect([none.inbound.addresses.length, none.webhooks.routes.length]).toEqual([2, 2]);
  const unsaid = ANSWERS.replace('loop@us.example, region: us', 'loop@us.example').replace('region: us', 'region: uz');
  expect(told(BOTH + unsaid)).toEqual([
    'inbound.addresses[1] (18) needs a region, since there are several: eu, us',
    'webhooks.routes.told-us.region (22) names the region "uz", which is not declared (did you mean "us"?)',
  ]);
});

it('keeps local stores and keys in Redis apart', () => {
  const config = load(`${BOTH}redis: { url: redis://127.0.0.1 }`, 'eu');
  expect([config.stateDir, config.redis?.keyPrefix]).toEqual(['.postlane/regions/eu', 'postlane:eu:']);
});

it('goes to a cluster of its own where it has one, unless the environment says otherwise', () => {
  const text = BOTH.replace(
    'eu: { residency: strict }',
    'eu: { residency: strict, kafka: { brokers: [eu:1] }, schema_registry: { url: "http://u:p@eu:2/" }, redis: { url: "redis://:pw@eu" } }',
  );
  const file = `${text}kafka: { brokers: [us:1] }\nredis: { url: redis://us }`;
  expect(load(file, 'eu')).toMatchObject({
    kafka: { brokers: ['eu:1'] },
    registry: { url: 'http://u:p@eu:2' },
    redis: { url: 'redis://:pw@eu' },
  });
  expect(load(file, 'us')).toMatchObject({ kafka: { brokers: ['us:1'] }, redis: { url: 'redis://us' } });
  expect(load(file, 'eu', { KAFKA_BROKERS: 'here:1' }).kafka.brokers).toEqual(['here:1']);
  const seen = JSON.stringify(shown(load(file, 'eu')));
  expect(seen).toMatch(/eu:2/);
  expect(seen).not.toMatch(/u:p@|:pw@/);
});

it('tells everything that is wrong at once, where it stands and what was meant', () => {
  const text = [
    'regions:',
    '  eu: { residency: strickt }',
    '  us: {}',
    '  1st: { residency: prefer }',
    'sources:',
    '  tx-eu: { region: ue }',
    '  tx-us: { region: us }',
    '  nt: {}',
    '  mk-us: { region: us, mode: direct, local_address: 192.0.2.2, helo: mail.us.example }',
    'pools:',
    '  transactional: { sources: [tx-eu, tx-us] }',
    '  notification: { sources: [nt] }',
    '  marketing: { sources: [mk-us] }',
  ].join('\n');
  expect(told(text)).toEqual([
    'regions.eu.residency (2) must be one of strict, prefer, not "strickt" (did you mean "strict"?)',
    'regions.us.residency (3) is missing',
    'regions.1st (4) must begin with a letter, not end with a hyphen, and have at most 31 characters',
    'sources.tx-eu.region (6) names the region "ue", which is not declared (did you mean "eu"?)',
    'sources.nt (8) needs a region, since there are several: eu, us, 1st',
    expect.stringMatching(/^pools\.transactional\.sources \(11\) has no source for the region eu, which is strict/),
    expect.stringMatching(/^pools\.notification\.sources \(12\) has no source for the region eu/),
    expect.stringMatching(/^pools\.notification\.sources \(12\) has no source for the region us/),
    expect.stringMatching(/^pools\.marketing\.sources \(13\) has no source for the region eu/),
    'pools.marketing.sources (13) has no source for the region 1st that it could use',
  ]);
});

it('heeds the scores of regions that exist, and are others', () => {
  expect(load(BOTH.replace('prefer', 'prefer, heeds: [eu]'), 'us').region?.heeds).toEqual(['eu']);
  expect(load(BOTH, 'us').region?.heeds).toEqual([]);
  expect(told(BOTH.replace('prefer', 'prefer, heeds: [us, ue]'))).toEqual([
    'regions.us.heeds (1) names the region itself, which heeds its own scores anyway',
    'regions.us.heeds (1) names the region "ue", which is not declared (did you mean "eu"?)',
  ]);
});

it('wants to know which region is meant, and one that exists', () => {
  expect(told(BOTH, { POSTLANE_REGION: 'ue' })).toEqual([
    'regions (1) have none that is called "ue" (did you mean "eu"?) (from --region, or the environment variable POSTLANE_REGION)',
  ]);
  expect(told(SOURCES, { POSTLANE_REGION: 'eu' })[0]).toMatch(/none that is called "eu": none are declared/);
  expect(told('regions: { eu: { residency: strict } }')).toEqual([
    'regions (1) need sources that say where they are: the relay alone is in no region',
  ]);
});

it('needs no more than the regions themselves with the preset for them', () => {
  const text =
    'preset: global\nregions: { eu: { residency: strict }, us: { residency: prefer }, ap: { residency: strict } }';
  expect(load(text, 'ap').pools.map(({ sources }) => sources)).toEqual([
    ['transactional-ap'],
    ['notification-ap'],
    ['marketing-ap'],
  ]);
  const settings = loadExplained({ text, env: {} }).settings();
  const [found] = settings.filter(({ path }) => path === 'sources.marketing-eu.region');
  expect(found).toMatchObject({ value: 'eu', origin: { from: 'preset', why: expect.stringMatching(/declared/) } });
});

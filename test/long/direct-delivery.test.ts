import { runProgram } from '../../src/cli/program.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { freePort } from '../../src/infra/ports.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/testing/simulator/index.ts';
import { NameServer } from '../support/name-server.ts';
import { Pipeline } from '../support/pipeline.ts';
import type { RoleProcess } from '../support/role-process.ts';

const START_MS = 300_000;
const GOOGLE = '127.0.0.11';
const OUTLOOK = '127.0.0.12';
const YAHOO = '127.0.0.13';
const HOSTER = '127.0.0.14';
const BROKEN_TLS = '127.0.0.15';
const SMALL = '127.0.0.16';
/** Nobody listens there. */
const DEAD = '127.0.0.19';
const SOURCES = ['127.0.0.21', '127.0.0.22', '127.0.0.23'];

/** What the name server says: who takes whose mail, and where that is. */
const RECORDS = (
  [
    ['gmail.com', 'MX', '5 gmail-smtp-in.l.google.com'],
    ['outlook.com', 'MX', '10 outlook-com.olc.protection.outlook.com'],
    ['yahoo.com', 'MX', '1 mta5.am0.yahoodns.net'],
    ['gmail-smtp-in.l.google.com', 'A', GOOGLE],
    ['aspmx.l.google.com', 'A', GOOGLE],
    ['outlook-com.olc.protection.outlook.com', 'A', OUTLOOK],
    ['mta5.am0.yahoodns.net', 'A', YAHOO],
    ['workspace.example', 'MX', '1 aspmx.l.google.com'],
    ['workspace.example', 'MX', '5 gmail-smtp-in.l.google.com'],
    ['alpha.example', 'MX', '10 mx1.hoster.example'],
    ['alpha.example', 'MX', '20 mx2.hoster.example'],
    ['beta.example', 'MX', '10 mx1.hoster.example'],
    ['beta.example', 'MX', '20 mx2.hoster.example'],
    ['mx1.hoster.example', 'A', HOSTER],
    ['mx2.hoster.example', 'A', HOSTER],
    ['old.example', 'MX', '10 mail.old.example'],
    ['mail.old.example', 'A', BROKEN_TLS],
    ['bare.example', 'A', SMALL],
    ['mail.small.example', 'A', SMALL],
    ['halfdead.example', 'MX', '5 down.example'],
    ['halfdead.example', 'MX', '10 mail.small.example'],
    ['down.example', 'A', DEAD],
    ['nothanks.example', 'MX', '0 '],
    ['vanity.example', 'MX', '1 mail.small.example'],
    ['vanity.example', 'MX', '5 aspmx.l.google.com'],
  ] as const
).map(([name, type, value]) => ({ name, type, value }));

const config = (nameServer: string, port: number): string => `
dns: { resolver: { servers: ["${nameServer}"], timeout: 3s } }
mail_exchangers: { allow_private_addresses: true }
sources:
${['tx-1', 'nt-1', 'mk-1']
  .map(
    (name, n) => `  ${name}:
    mode: direct
    port: ${port}
    local_address: ${SOURCES[n]}
    helo: ${name}.shop.example
    tls: opportunistic
    tls_verify: false
    max_connections: 40
`,
  )
  .join('')}
pools:
  transactional: { sources: [tx-1] }
  notification: { sources: [nt-1] }
  marketing: { sources: [mk-1] }
sites:
  hoster:
    mx: [.hoster.example]
    max_connections: 2
    max_messages_per_connection: 10
    why: takes two connections from an address, and greylists
`;

const sink = (host: string, port: number, more: SimulatorOptions = {}): Promise<Simulator> =>
  startSimulator({ host, smtpPort: port, ...more });

describe('direct delivery to sites that each have their habits', () => {
  const sinks = {} as Record<'google' | 'outlook' | 'yahoo' | 'hoster' | 'broken' | 'small', Simulator>;
  let nameServer: NameServer;
  let pipeline: Pipeline;
  let router: RoleProcess;
  let worker: RoleProcess;

  beforeAll(async () => {
    const port = await freePort();
    const tls = { mode: 'starttls' } as const;
    sinks.google = await sink(GOOGLE, port, { tls: { ...tls, required: true }, clientConnectionsMax: 5 });
    sinks.outlook = await sink(OUTLOOK, port, { tls, clientConnectionsMax: 5 });
    sinks.yahoo = await sink(YAHOO, port, { tls, clientConnectionsMax: 10 });
    sinks.hoster = await sink(HOSTER, port, { clientConnectionsMax: 2 });
    sinks.broken = await sink(BROKEN_TLS, port, { tls });
    sinks.small = await sink(SMALL, port);
    await sinks.google.setSite('*', { messagesPerConnectionMax: 50 });
    await sinks.outlook.setSite('*', { messagesPerConnectionMax: 50, burstMax: 20 });
    await sinks.yahoo.setSite('*', { messagesPerConnectionMax: 20 });
    for (const site of ['alpha.example', 'beta.example']) await sinks.hoster.setSite(site, { greylistMs: 500 });
    await sinks.broken.setSite('*', { mode: 'cut-tls' });
    nameServer = await NameServer.start(RECORDS);
    pipeline = await Pipeline.open({
      providers: '  microsoft: { rate_limit: 600, why: ten a second }',
      more: config(nameServer.address, port),
    });
    router = await pipeline.start('router');
    worker = await pipeline.start(['worker', 'delay']);
  }, START_MS);

  afterAll(async () => {
    await pipeline?.close();
    await nameServer?.stop();
    await Promise.all(Object.values(sinks).map((one) => one.stop()));
  }, 60_000);

  const job = (id: string, recipient: string, n: number) => ({
    id,
    type: EMAIL_TYPES[n % EMAIL_TYPES.length] ?? 'transactional',
    recipient,
    payload: {
      from: 'Shop <news@shop.example>',
      subject: 'Hello',
      text: 'Hello.',
      unsubscribeLink: 'https://shop.example/u',
    },
  });
  const endingsOf = (prefix: string) =>
    pipeline.results.filter((result) => result.kind === 'ending' && result.jobId.startsWith(prefix));
  const send = async (prefix: string, counts: Readonly<Record<string, number>>) => {
    const jobs = Object.entries(counts).flatMap(([domain, count]) =>
      Array.from({ length: count }, (_, n) => job(`${prefix}-${domain}-${n}`, `u${n}@${domain}`, n)),
    );
    await pipeline.publish(jobs);
    await pipeline.allEnded();
    return jobs.length;
  };

  const LIMITS = { google: 5, outlook: 5, yahoo: 10, hoster: 2 } as const;
  const expectNoLimitExceeded = () => {
    for (const [name, max] of Object.entries(LIMITS)) {
      const { clients, sites, protocolErrors } = sinks[name as 'google'].stats();
      for (const { ip, connectionsPeak } of clients) {
        expect([name, ip, connectionsPeak, connectionsPeak <= max]).toEqual([name, ip, connectionsPeak, true]);
        expect(SOURCES).toContain(ip);
      }
      expect([name, protocolErrors]).toEqual([name, 0]);
      // Neither too many mails over one connection nor too many at a time: nobody was told 421.
      expect([name, sites.map(({ otherwise }) => otherwise['421'] ?? 0)]).toEqual([name, sites.map(() => 0)]);
    }
  };

  it('every mail arrives, once, and no limit is exceeded', async () => {
    const counts = {
      'gmail.com': 120,
      'workspace.example': 60,
      'outlook.com': 90,
      'yahoo.com': 120,
      'alpha.example': 24,
      'beta.example': 24,
      'old.example': 30,
      'bare.example': 6,
      'halfdead.example': 6,
      'vanity.example': 3,
    };
    const total = await send('all', counts);
    await pipeline.comesToRest();
    expect(endingsOf('all-').filter(({ ending }) => ending !== 'sent')).toEqual([]);
    const taken = Object.values(sinks).flatMap((one) => one.journal());
    expect(taken.length).toBe(total);
    expect(new Set(taken.map(({ jobId }) => jobId)).size).toBe(total);
    expectNoLimitExceeded();
  }, 240_000);

  it('a retry of what was greylisted comes from the same source', () => {
    // Each of the 48 was refused exactly once: from another address it would have been new, and refused again.
    const { sites } = sinks.hoster.stats();
    const refused = sites.map(({ site, otherwise }) => [site, otherwise['451'] ?? 0]);
    expect(Object.fromEntries(refused)).toMatchObject({ 'alpha.example': 24, 'beta.example': 24 });
    const first = new Map<string, string | null>();
    for (const { jobId, kind, source, smtpCode } of pipeline.results) {
      if (kind === 'attempt' && smtpCode === 451) first.set(jobId, source);
    }
    expect(first.size).toBe(48);
    for (const { jobId, source } of sinks.hoster.journal()) {
      if (first.has(jobId)) expect(`${first.get(jobId)}.shop.example`).toBe(source);
    }
  });

  it('mail to Google goes over TLS, and to a server whose TLS is broken in clear', async () => {
    // Google's sink refuses MAIL in clear, so all of its mail went over TLS.
    expect(sinks.google.journal().length).toBe(120 + 60);
    expect(sinks.broken.journal().length).toBe(30);
    const broken = await worker.metric('postlane_broken_tls_total');
    expect(broken).toBeGreaterThanOrEqual(1);
    const before = sinks.broken.stats().connections.total;
    await send('again', { 'old.example': 6 });
    // It is remembered: nobody tries TLS there again.
    expect(await worker.metric('postlane_broken_tls_total')).toBe(broken);
    expect(sinks.broken.stats().connections.total - before).toBeLessThanOrEqual(6);
  }, 60_000);

  it('a domain that a provider runs goes into its lane, and is routed there once that is known', async () => {
    const sites = new Set(endingsOf('all-workspace').map(({ site }) => site));
    expect([...sites]).toEqual(['google']);
    // A vanity domain that names a host of Google's among others is not Google's.
    expect(endingsOf('all-vanity').map(({ site }) => site)).not.toContain('google');
    expect([...new Set(endingsOf('all-alpha').map(({ site }) => site))]).toEqual(['hoster']);
    const routed = () => router.metric('postlane_decisions_total', { decision: 'transactional.google' });
    await pipeline.waitFor(
      'a mail to be routed by what was learned',
      async () => {
        const before = await routed();
        await send(`learned-${before}-${Math.round(performance.now())}`, { 'workspace.example': 1 });
        return (await routed()) > before;
      },
      60_000,
    );
  }, 90_000);

  it('postlane providers says who is behind a domain, asking the same name server', async () => {
    const explain = async (domain: string) => {
      const printed: string[] = [];
      const status = await runProgram(
        ['providers', 'explain', '--json', '--config', await pipeline.configuration(), domain],
        {
          environment: {},
          workingDirectory: process.cwd(),
          self: ['node', 'main.ts'],
          print: (text) => printed.push(text),
          tell: (line) => printed.push(line),
          roles: {},
          interrupted: new AbortController().signal,
        },
      );
      expect(status).toBe(0);
      return JSON.parse(printed.join(''));
    };
    expect(await explain('workspace.example')).toMatchObject({ site: 'google', provider: 'google', tls: 'required' });
    expect(await explain('alpha.example')).toMatchObject({
      site: 'hoster',
      limits: { connectionsMax: 2, messagesPerConnectionMax: 10 },
      exchangers: [
        { host: 'mx1.hoster.example', preference: 10, addresses: HOSTER },
        { host: 'mx2.hoster.example', preference: 20, addresses: HOSTER },
      ],
    });
    expect(await explain('vanity.example')).toMatchObject({ rule: null, provider: 'other' });
    expect(await explain('nothanks.example')).toMatchObject({ found: 'null-mx' });
  });

  it('a domain that takes no mail, or does not exist, bounces with the code that says so', async () => {
    await send('never', { 'nothanks.example': 1, 'no-such-domain.example': 1 });
    const [noThanks] = endingsOf('never-nothanks');
    expect(noThanks).toMatchObject({ ending: 'bounced', class: 'invalid-domain', enhancedCode: '5.1.10', attempt: 1 });
    const [nowhere] = endingsOf('never-no-such');
    // Asked once more before it counts.
    expect(nowhere).toMatchObject({ ending: 'bounced', class: 'invalid-domain', enhancedCode: '5.1.2', attempt: 2 });
  }, 60_000);

  it('more workers than a site takes connections keep its limit together, also while they come', async () => {
    const workers = [worker];
    const handedOver = async () => {
      const counts = await Promise.all(
        workers.map((one) => one.metric('postlane_units_total', { what: 'handed_over' })),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    };
    expect(await handedOver()).toBe(0);
    for (let n = 0; n < 3; n++) workers.push(await pipeline.start(['worker', 'delay']));
    let round = 0;
    await pipeline.waitFor(
      'a worker without a connection to hand a mail over',
      async () => {
        await send(`many-${++round}`, { 'alpha.example': 30, 'beta.example': 30, 'gmail.com': 30 });
        return (await handedOver()) > 0;
      },
      180_000,
    );
    expect(endingsOf('many-').filter(({ ending }) => ending !== 'sent')).toEqual([]);
    expectNoLimitExceeded();
  }, 240_000);
});

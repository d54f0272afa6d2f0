import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../support/cli.ts';
import { Mailboxes } from '../../support/mailboxes.ts';
import { Pipeline } from '../../support/pipeline.ts';

const START_MS = 300_000;
/** Seeds by whose address the probe is filed. */
const SEEDS = {
  'g-1': 'g1@google.test',
  'g-2': 'g2@google.test',
  'm-1': 'm1@microsoft.test',
  'm-2': 'm2@microsoft.test',
  'y-1': 'y1@yahoo.test',
  'a-1': 'a1@apple.test',
} as const;
const mailboxOf = (address: string): string => address.slice(0, address.indexOf('@'));

interface Shown {
  readonly rates: readonly {
    readonly provider: string;
    readonly probes: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly inboxRatio: number;
    readonly delayMs: number | null;
  }[];
  readonly waiting: number;
  readonly alerts: readonly { readonly provider: string; readonly what: string }[];
  readonly findings: readonly { readonly code: string; readonly seed: string }[];
}

describe('placement, against a real IMAP server', () => {
  let directory: string;
  let mailboxes: Mailboxes;
  let pipeline: Pipeline;
  let config: string;
  let stopFiling = false;
  let filing: Promise<void>;

  /** What a provider's filter does: half of the mail of Google is spam, all of Microsoft's is a promotion, Yahoo loses it. */
  async function file(): Promise<void> {
    const seen = new Set<number>();
    while (!stopFiling) {
      for (const { seq, recipient, raw } of pipeline.simulator.journal({ raw: true })) {
        if (seen.has(seq)) continue;
        seen.add(seq);
        const name = mailboxOf(recipient);
        if (name === 'y1') continue;
        const folder = name === 'g2' ? '.Junk' : name.startsWith('m') ? '.Promotions' : '';
        await mailboxes.deliver(name, folder, raw ?? '');
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-placement-'));
    mailboxes = await Mailboxes.start(Object.values(SEEDS).map(mailboxOf));
    await writeFile(join(directory, 'password'), mailboxes.password);
    await writeFile(join(directory, 'wrong'), 'not the password');
    const seeds = Object.entries(SEEDS).map(([name, address]) => {
      const user = join(directory, `${name}.user`);
      const password = join(directory, name === 'a-1' ? 'wrong' : 'password');
      return { name, address, user, password };
    });
    await Promise.all(seeds.map(({ user, address }) => writeFile(user, mailboxOf(address))));
    const more = `
placement:
  interval: off
  poll: 1s
  deadline: 8s
  min_probes: 2
  alert_below: 0.6
  probe: { type: transactional, from: "Shop <news@shop.example>" }
  seeds:
${seeds
  .map(
    ({ name, address, user, password }) =>
      `    ${name}: { address: ${address}, host: 127.0.0.1, port: ${mailboxes.port}, tls: none, tabs: [Promotions], user: "file:${user}", password: "file:${password}" }`,
  )
  .join('\n')}
`;
    pipeline = await Pipeline.open({ more, keepRaw: true });
    config = await pipeline.configuration();
    await pipeline.start(['router', 'worker', 'placement']);
    filing = file();
  }, START_MS);

  afterAll(async () => {
    stopFiling = true;
    await filing;
    await pipeline?.close();
    await mailboxes?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const environment = () => pipeline.environment();
  async function shown(): Promise<Shown> {
    const { printed, told } = await runCli(['placement', '--json', '--config', config], { environment: environment() });
    if (printed === '') throw new Error(told.join('\n'));
    return JSON.parse(printed) as Shown;
  }

  it('says where probes went, which never came, and which mailbox is closed', async () => {
    const sent = await runCli(['placement', 'probe', '--campaign', 'spring', '--json', '--config', config], {
      environment: environment(),
    });
    expect(sent.told).toEqual([]);
    const { probes } = JSON.parse(sent.printed) as { readonly probes: readonly string[] };
    expect(probes).toHaveLength(6);
    let last: Shown | undefined;
    await pipeline.waitFor('all probes but that of the closed mailbox to be judged', async () => {
      last = await shown();
      return last.waiting === 1;
    });
    const rates = Object.fromEntries((last as Shown).rates.map((rate) => [rate.provider, rate]));
    expect(rates.google).toMatchObject({
      probes: 2,
      counts: { inbox: 1, spam: 1, tab: 0, missing: 0 },
      inboxRatio: 0.5,
    });
    expect(rates.microsoft).toMatchObject({
      probes: 2,
      counts: { inbox: 0, spam: 0, tab: 2, missing: 0 },
      inboxRatio: 1,
    });
    expect(rates.yahoo).toMatchObject({ probes: 1, counts: { inbox: 0, spam: 0, tab: 0, missing: 1 }, inboxRatio: 0 });
    expect(rates.google?.delayMs).toEqual(expect.any(Number));
    expect(rates.apple).toBeUndefined();
    expect((last as Shown).findings.map(({ code, seed }) => `${code} ${seed}`).sort()).toEqual([
      'probe-missing y-1',
      'seed-login-refused a-1',
    ]);
    expect((last as Shown).alerts.map(({ provider, what }) => `${provider} ${what}`)).toEqual(['google low']);
  }, 120_000);

  it('writes what it saw into the results', async () => {
    const placed = () => pipeline.results.filter(({ annotation }) => annotation === 'placed');
    await pipeline.waitFor('the annotations', () => placed().length === 4, 30_000);
    const seen = placed().map((result) => `${result.recipient} ${result.class} ${result.campaign}`);
    expect(seen.sort()).toEqual([
      'g1@google.test inbox spring',
      'g2@google.test spam spring',
      'm1@microsoft.test tab spring',
      'm2@microsoft.test tab spring',
    ]);
  }, 60_000);

  it('tells it to people as well, and no password', async () => {
    const { printed } = await runCli(['placement', '--config', config], { environment: environment() });
    expect(printed).toMatch(/^google: 50 % arrived \(inbox 50 %, tabs 0 %, spam 50 %, missing 0 %\) of 2 probes/m);
    expect(printed).toMatch(/^finding {2}seed-login-refused {2}a-1: /m);
    expect(printed).not.toContain('password');
  }, 60_000);
});

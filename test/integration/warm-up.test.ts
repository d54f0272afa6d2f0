import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startReputation } from '../../processors/reputation/main.ts';
import { rulesOf } from '../../processors/reputation/rules.ts';
import { simulateWarmUp, type WarmUpPlan } from '../../src/cli/simulate/warm-up.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Allowance, ReputationSignal } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { DAY_MS, MINUTE_MS } from '../../src/domain/time.ts';
import { type Host, type Hosted, openHost } from '../../src/host/host.ts';
import { openViews, type Views } from '../../src/host/views.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { withInfra } from '../support/infra.ts';
import { silentTelemetry } from '../support/kafka.ts';
import { provision } from '../support/provision.ts';

const SOURCE = 'identity:source:marketing-1|google';
const PLAN: WarmUpPlan = {
  days: 45,
  volume: 200_000,
  mix: new Map([['google', 1]]),
  bounceRatio: 0.005,
  complaintRatio: 0.0002,
  breaches: new Map([[9, 0.1]]),
  idle: (day) => day >= 13 && day <= 42,
  overflow: 'warm',
  source: 'marketing-1',
};
/** Days after which the clock is stopped to look; it runs through the idle ones at once. */
const LOOKED_AT = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 42, 43, 44, 45];

/** The rows of the calculation by hand: day → allowed. */
function byHand(): ReadonlyMap<number, number> {
  const text = readFileSync(new URL('../../docs/warm-up.md', import.meta.url), 'utf8');
  const [, table = ''] = text.split('## A calculation by hand');
  return new Map(
    [...table.matchAll(/^\| (\d+) \| (\d+) \| [a-z]+ \|/gm)].map(([, day, allowed]) => [Number(day), Number(allowed)]),
  );
}

describe('a warm-up in the real pipeline, by a clock that is set', () => {
  let directory: string;
  let host: Host;
  let role: Hosted;
  let views: Views;
  let publisher: Publisher;
  afterAll(async () => {
    await views?.stop();
    await role?.stop();
    await publisher?.close();
    await host?.close();
    if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }, 120_000);
  const infra = withInfra({ own: true });
  /** What everything in the process takes for now. */
  let now = 0;
  const signals: ReputationSignal[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-warm-up-'));
    await provision(infra());
    const env = {
      KAFKA_BROKERS: infra().brokers.join(','),
      SCHEMA_REGISTRY_URL: infra().schemaRegistryUrl,
      POSTLANE_STATE_DIR: join(directory, 'state'),
      POSTLANE_KAFKA_SESSION_TIMEOUT: '6s',
    };
    const config = loadConfig({ text: 'reputation: {warm_up: {sources: [marketing-1]}}', env });
    // The mails of the simulation; that time passes is for the role itself to note.
    simulateWarmUp(PLAN, rulesOf(config), (signal) => void (signal.kind !== 'ticked' && signals.push(signal)));
    now = signals[0]?.at ?? 0;
    const opened = await openHost(config, silentTelemetry, 'warm-up-test');
    host = { ...opened, clock: { ...opened.clock, now: () => now, sleep: opened.clock.sleep.bind(opened.clock) } };
    publisher = new Publisher({ kafka: host.kafka });
    role = await startReputation(host);
    views = await openViews(host, null);
  }, 300_000);

  it('allows what the docs calculate by hand', async () => {
    const first = Math.floor((signals[0]?.at ?? 0) / DAY_MS);
    const allowed = new Map<number, number>();
    let published = 0;
    for (const day of LOOKED_AT) {
      const midnight = (first + day) * DAY_MS;
      const due = signals.slice(published).filter(({ at }) => at < midnight);
      await publisher.append(
        due.map((signal) => ({
          topic: topics.reputation.name,
          key: signal.subject,
          value: host.codec.encode(topics.reputation, signal),
        })),
      );
      published += due.length;
      now = midnight + 2 * MINUTE_MS;
      let row: Allowance | undefined;
      await waitFor(
        `the allowance of day ${day + 1}`,
        () => {
          row = views.allowanceOf(SOURCE);
          return row?.day === first + day ? true : undefined;
        },
        { deadlineMs: 60_000, diagnose: () => ({ row: JSON.stringify(row) ?? 'none' }) },
      );
      for (const { day: past, volume } of row?.days ?? []) allowed.set(past - first + 1, volume);
      allowed.set(day + 1, row?.volume ?? 0);
    }
    const hand = byHand();
    expect(hand.size).toBe(17);
    for (const [day, volume] of hand) expect([day, allowed.get(day)]).toEqual([day, volume]);
    for (let day = 13; day <= 42; day++) expect([day, allowed.get(day)]).toEqual([day, 367]);
  }, 240_000);
});

import { readEditions } from '../../src/cli/replay/editions.ts';
import type { ReputationSignal } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { scanTopics } from '../../src/kafka/topic-scan.ts';
import { aboutIdentity } from '../support/identity-events.ts';
import { load } from '../support/load.ts';
import { Pipeline } from '../support/pipeline.ts';
import { Random } from '../support/random.ts';
import type { RoleProcess } from '../support/role-process.ts';

const SEED = 41;
const JOBS = 2_000;
/** `reputation.lateness` here: a minute is closed so soon after its end. */
const LATENESS_MS = 1_000;
const WAIT_MS_MAX = 120_000;
/** Marketing to Google goes over it, where no sources are declared. */
const SOURCE = 'identity:source:marketing-1|google';
const DOMAIN = 'identity:domain:shop.example|google';

/** Scores in a running pipeline: what they move, what they leave alone, and what would be if the rules were others. */
describe('scores of a running pipeline', () => {
  let pipeline: Pipeline;
  let worker: RoleProcess;
  let probes = 0;

  beforeAll(async () => {
    pipeline = await Pipeline.open({ more: 'reputation: { lateness: 1s }' });
    await pipeline.start(['router', 'delay', 'reputation']);
    worker = await pipeline.start('worker');
  }, 240_000);
  afterAll(() => pipeline?.close(), 120_000);

  const tell = (...signals: ReputationSignal[]) =>
    pipeline.append(
      signals.map((one) => ({
        topic: topics.reputation.name,
        key: one.subject,
        value: pipeline.codec.encode(topics.reputation, one),
      })),
    );
  /** What happened to an identity's mails in this minute; answers when that is closed and can be judged. */
  async function figures(subject: string, sent: number, bounced: number): Promise<number> {
    const at = Date.now();
    await tell(
      aboutIdentity(subject, 'sent_counted', at, { eventId: `sent-${subject}-${at}`, count: sent }),
      ...Array.from({ length: bounced }, (_, n) =>
        aboutIdentity(subject, 'bounced', at, { eventId: `bounced-${subject}-${at}-${n}` }),
      ),
    );
    return (Math.floor(at / MINUTE_MS) + 1) * MINUTE_MS + LATENESS_MS;
  }
  const through = (queue: string) => worker.metric('postlane_units_total', { queue });

  /** A mail of a type to Google, once it has ended: whether it went by the queue. */
  async function goesBy(type: (typeof EMAIL_TYPES)[number], queue: string): Promise<boolean> {
    const id = `probe-${++probes}`;
    const before = await through(queue);
    const [job] = load({ prefix: `${id}-`, count: 1, types: [type], random: new Random(1), sites: ['google.test'] });
    await pipeline.publish([{ ...job, id } as NonNullable<typeof job>]);
    await pipeline.progressed(id, 1);
    return (await through(queue)) > before;
  }
  const QUEUES = ['marketing', 'marketing-throttled'] as const;
  /** Where the router has put the mails of a prefix, and when, by the broker's clock. */
  async function routed(prefix: string): Promise<{ readonly queue: string; readonly at: number }[]> {
    const lanes = QUEUES.map((queue) => ({ queue, topic: topics.send({ queue, provider: 'google' }) }));
    const names = lanes.map(({ topic }) => topic.name);
    const found: { queue: string; at: number }[] = [];
    await scanTopics(pipeline.kafka, {
      ranges: await rangesOf(pipeline.kafka, names),
      follow: false,
      signal: new AbortController().signal,
      async apply(name, _partition, records) {
        const { queue, topic } = lanes[names.indexOf(name)] as (typeof lanes)[number];
        await pipeline.codec.prepare(topic, records);
        for (const { value, at } of records) {
          const decoded = pipeline.codec.decode(topic, value);
          if (decoded.ok && decoded.value.id.startsWith(prefix)) found.push({ queue, at });
        }
      },
    });
    return found;
  }
  /** Settles when marketing goes by the queue; answers how long after that time the router put the last mail into the other. */
  async function until(queue: (typeof QUEUES)[number], since: number): Promise<number> {
    const prefix = `follow-${++probes}-`;
    let published = 0;
    let found: Awaited<ReturnType<typeof routed>> = [];
    await pipeline.waitFor(
      `marketing to go by ${queue}`,
      async () => {
        const ids = {
          prefix: `${prefix}${published++}-`,
          count: 1,
          types: ['marketing'],
          sites: ['google.test'],
        } as const;
        await pipeline.publish(load({ ...ids, random: new Random(published) }));
        found = await routed(prefix);
        return found.some((one) => one.queue === queue);
      },
      WAIT_MS_MAX,
    );
    await pipeline.progressed(prefix, published);
    const others = found.filter((one) => one.queue !== queue).map(({ at }) => at - since);
    return Math.max(0, ...others);
  }
  /** When the last promotion or its taking back was written down. */
  const switchedAt = async () => {
    const { at } = await readEditions(pipeline.kafka, pipeline.codec, new AbortController().signal);
    return at;
  };
  const closed = (at: number) => pipeline.waitFor('the minute to be closed', () => Date.now() > at, WAIT_MS_MAX);

  it('move marketing to its throttled queue below 0.7, leave password resets alone, and recover with hysteresis', async () => {
    expect(await goesBy('marketing', 'marketing')).toBe(true);
    const throttledMs = await until('marketing-throttled', await figures(DOMAIN, 9_700, 300)); // 3 %: a score of 0.6
    const { printed } = await pipeline.cli('reputation', 'show', 'domain:shop.example');
    expect(printed).toMatch(/score 0\.\d+, action throttle[\s\S]* 300 bounced/);
    expect(await goesBy('transactional', 'transactional')).toBe(true);
    expect(await goesBy('notification', 'notification')).toBe(true);
    // 1.5 %: a score of 0.8, above where the action begins and below where it ends.
    await closed((await figures(DOMAIN, 10_000, 0)) + 5_000);
    expect((await pipeline.cli('reputation', 'show', 'domain:shop.example')).printed).toMatch(
      /score 0\.(?:7\d*|8[0-4]?\d?), action throttle/,
    );
    expect(await goesBy('marketing', 'marketing-throttled')).toBe(true);
    // Many good ones later.
    const recoveredMs = await until('marketing', await figures(DOMAIN, 30_000, 0));
    expect(await goesBy('transactional', 'transactional')).toBe(true);
    process.stderr.write(
      `after its minute was closed the last mail went by the other queue: throttled ${throttledMs} ms, recovered ${recoveredMs} ms\n`,
    );
  }, 600_000);

  it('would be others under other thresholds: seen, promoted, followed and rolled back under load, and nothing is lost', async () => {
    const prefix = 'what-if-';
    const judgedAt = await figures(SOURCE, 9_850, 150); // 1.5 %: fine at 2 %, not at 1 %
    const minute = new Date(judgedAt - LATENESS_MS).toISOString();
    const replayed = async (...args: string[]) => {
      const { status, printed, told } = await pipeline.cli('replay', '--json', ...args);
      expect([status, told.filter((line) => line.startsWith('postlane'))]).toEqual([0, []]);
      return printed
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    await closed(judgedAt);
    expect(await goesBy('marketing', 'marketing')).toBe(true);
    await closed((Math.floor(Date.now() / MINUTE_MS) + 1) * MINUTE_MS + LATENESS_MS + 5_000);
    // To all but Google: what is told of an identity while the tables are read is in motion, and not compared.
    const sites = ['microsoft.test', 'yahoo.test', 'apple.test', 'one.example', 'two.example'];
    const jobs = load({ prefix, count: JOBS, types: EMAIL_TYPES, random: new Random(SEED), sites });
    const streaming = pipeline.stream(jobs);
    await pipeline.progressed(prefix, JOBS * 0.1);
    const lines = await replayed('--thresholds', 'bounce=0.01', '--diff', '--promote');
    const found = lines.find(({ table, subject }) => table === 'email.scores' && subject === SOURCE);
    expect(found).toMatchObject({
      before: expect.stringContaining('action none'),
      after: expect.stringMatching(/action throttle/),
      why: expect.stringMatching(new RegExp(`${minute} score [0-9.]+, throttle \\(\\d+ sent, 150 bounced`)),
    });
    const followedMs = await until('marketing-throttled', await switchedAt());
    expect(await goesBy('transactional', 'transactional')).toBe(true);
    await replayed('--rollback');
    const backMs = await until('marketing', await switchedAt());
    await streaming;
    const verdict = await pipeline.judged(prefix, { duplicatesMax: 0 });
    expect(verdict).toMatchObject({ accepted: JOBS, endings: { sent: JOBS }, lost: 0, duplicates: 0 });
    process.stderr.write(
      `seed ${SEED}: followed after ${followedMs} ms, back after ${backMs} ms; ${JOBS} mails judged\n`,
    );
  }, 600_000);
});

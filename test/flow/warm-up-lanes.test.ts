import { Dispatcher } from '../../processors/worker/dispatcher.ts';
import type { DispatcherPorts } from '../../processors/worker/dispatcher-ports.ts';
import type { Unit } from '../../processors/worker/unit.ts';
import { readEnvelope } from '../../src/domain/envelope.ts';
import type { Job } from '../../src/domain/job.ts';
import type { Lane, Source } from '../../src/domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import { ShareLimits } from '../../src/limits/share-limits.ts';
import { aJob } from '../../src/testing/builders.ts';

const START = 1_700_006_400_000;
const source = (name: string): Source => ({ name, connectionsMax: 100 }) as Source;
const [NEW, WARM] = [source('new-1'), source('warm-1')];
const job = { address: 'a@x.example', folded: 'a@x.example', type: 'marketing', content: aJob() } as Job;

/** A day of the real dispatcher and limits with more mail than the new source may send; what went over which source, by hour. */
async function day(
  lane: Lane,
  sources: readonly Source[],
  over: Partial<DispatcherPorts> & { units?: number; hours?: number } = {},
): Promise<{ sent: Record<string, number[]>; waiting: number; postponed: number }> {
  const limits = new ShareLimits();
  limits.setShare(`${lane.queue}.${lane.provider}`, 1);
  let postponed = 0;
  const dispatcher = new Dispatcher({
    limits,
    sources,
    limitsOf: () => ({ connectionsMax: 100, messagesPerConnectionMax: 100, ratePerMinute: 6_000 }),
    sharedBy: () => [`${lane.queue}.${lane.provider}`],
    circuits: () => ({ source: null, site: null, trial: false }),
    allowance: ({ name }) => (name === NEW.name ? 240 : null),
    overflow: 'warm',
    first: 'new',
    queueRatePerMinute: null,
    queueName: lane.queue,
    skip: () => null,
    handOver: () => [],
    postpone: () => {
      postponed++;
      return [];
    },
    ...over,
  });
  const unit = (n: number): Unit => ({
    job,
    envelope: readEnvelope({}, START),
    lane,
    site: lane.provider === 'other' ? `x${n % 7}.example` : lane.provider,
    bytes: Buffer.alloc(0),
    expiresAt: START + 30 * DAY_MS,
    place: 't/0/0',
    source: null,
    learned: null,
    state: 'queued',
  });
  let waiting = over.units ?? 500;
  for (let n = 0; n < waiting; n++) dispatcher.add(unit(n), START);
  const hours = over.hours ?? 24;
  const sent: Record<string, number[]> = {};
  for (let now = START; now < START + hours * HOUR_MS; now += MINUTE_MS / 2) {
    const { attempts } = await dispatcher.choose(1_000, now);
    for (const { source: used } of attempts) {
      const name = used?.name ?? '';
      const byHour = sent[name] ?? Array.from({ length: hours }, () => 0);
      const hour = Math.floor((now - START) / HOUR_MS);
      byHour[hour] = (byHour[hour] ?? 0) + 1;
      sent[name] = byHour;
      waiting--;
    }
    for (const one of attempts) dispatcher.release(one);
  }
  return { sent, waiting, postponed };
}
const total = (hours: readonly number[] | undefined): number => (hours ?? []).reduce((sum, count) => sum + count, 0);

describe('a source that is being warmed up', () => {
  it('sends what it is allowed, spread over the day, and the rest waits where no other source may', async () => {
    const { sent, waiting, postponed } = await day({ queue: 'marketing', provider: 'google' }, [NEW]);
    expect(total(sent['new-1'])).toBeGreaterThanOrEqual(238);
    expect(total(sent['new-1'])).toBeLessThanOrEqual(241);
    expect(Math.max(...(sent['new-1'] as number[]))).toBeLessThanOrEqual(11);
    expect(Math.min(...(sent['new-1'] as number[]))).toBeGreaterThanOrEqual(9);
    expect([waiting + total(sent['new-1']), postponed]).toEqual([500, 0]);
  });

  it('leaves the overflow to a warm source of its pool', async () => {
    const { sent, waiting } = await day({ queue: 'marketing', provider: 'google' }, [NEW, WARM], { hours: 1 });
    expect(waiting).toBe(0);
    expect(total(sent['new-1'])).toBeLessThanOrEqual(11);
    expect(total(sent['warm-1'])).toBe(500 - total(sent['new-1']));
  });

  it('is waited for where the configuration says so', async () => {
    const { sent, waiting } = await day({ queue: 'marketing', provider: 'google' }, [NEW, WARM], {
      overflow: 'hold',
      hours: 3,
    });
    expect(sent['warm-1']).toBeUndefined();
    expect(total(sent['new-1'])).toBeGreaterThanOrEqual(28);
    expect(waiting).toBe(500 - total(sent['new-1']));
  });

  it('sends its allowance first wherever it stands in its pool, but not of what must not wait', async () => {
    const lane = { queue: 'marketing', provider: 'google' } as const;
    for (const sources of [
      [NEW, WARM],
      [WARM, NEW],
    ]) {
      const bulk = await day(lane, sources, { hours: 2 });
      expect(total(bulk.sent['new-1'])).toBeGreaterThan(0);
      const limitsOf = () => ({ connectionsMax: 100, messagesPerConnectionMax: 100, ratePerMinute: null });
      const urgent = await day({ ...lane, queue: 'transactional' }, sources, { hours: 2, first: 'warm', limitsOf });
      expect([urgent.waiting, urgent.sent['new-1'], total(urgent.sent['warm-1'])]).toEqual([0, undefined, 500]);
    }
  });

  it('takes what must not wait, within its allowance, where no warm source can', async () => {
    const circuits = ({ name }: Source) => ({
      source: name === WARM.name ? START + DAY_MS : null,
      site: null,
      trial: false,
    });
    const lane = { queue: 'transactional', provider: 'google' } as const;
    const { sent } = await day(lane, [WARM, NEW], { hours: 3, first: 'warm', circuits });
    expect(sent['warm-1']).toBeUndefined();
    expect(total(sent['new-1'])).toBeGreaterThanOrEqual(28);
    expect(total(sent['new-1'])).toBeLessThanOrEqual(32);
  });

  it('holds nothing up while its pool has a warm source, in lanes of many sites neither', async () => {
    for (const provider of ['apple', 'other'] as const) {
      const { sent, waiting } = await day({ queue: 'transactional', provider }, [NEW, WARM], { units: 50, hours: 1 });
      expect([provider, waiting, total(sent['new-1']) > 0]).toEqual([provider, 0, true]);
    }
  });

  it('sends no mail of a lane of many sites round the ladder while it waits', async () => {
    const { waiting, postponed, sent } = await day({ queue: 'marketing', provider: 'other' }, [NEW], { hours: 6 });
    expect(postponed).toBe(0);
    expect(total(sent['new-1'])).toBeLessThanOrEqual(62);
    expect(waiting).toBe(500 - total(sent['new-1']));
  });
});

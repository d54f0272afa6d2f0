import { jest } from '@jest/globals';
import fc from 'fast-check';
import { DELAY_GROUP, delayDefinition } from '../../processors/delay/index.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type Envelope, readEnvelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { nextTier, TIER_MS, toleranceOf } from '../../src/domain/ladder.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/time.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { jsonCodec } from '../support/json-codec.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const NOW = 1_700_000_000_000;
const BYTES = Buffer.from([0, 1, 2, 255, 254]);

const envelope = (over: Partial<Envelope>): Envelope => ({
  acceptedAt: NOW,
  attempts: 0,
  uncertainCount: 0,
  lastSource: null,
  notBefore: null,
  toleranceMs: 0,
  postponements: 0,
  handedOver: false,
  type: 'marketing',
  ...over,
});

/** Writes units that have to wait, as router and worker do. */
function postponed(cluster: MemoryCluster, waits: readonly number[]): void {
  waits.forEach((waitMs, index) => {
    const tier = nextTier(waitMs, toleranceOf(waitMs)) ?? '15s';
    cluster.append({
      topic: topics.delay(tier).name,
      key: `r${index}@x.example`,
      value: Buffer.concat([BYTES, Buffer.from([index])]),
      headers: writeEnvelope(
        envelope({ notBefore: NOW + waitMs, toleranceMs: toleranceOf(waitMs), attempts: index, lastSource: 'relay-1' }),
      ),
    });
  });
}

const options = (cluster: MemoryCluster, clock: VirtualClock) => ({
  cluster,
  clock,
  define: delayDefinition,
  codec: jsonCodec,
  group: DELAY_GROUP,
  waitMaxMs: 5 * DAY_MS,
});

describe('the delay processor', () => {
  it('lets nothing go before its tier is over, and everything after it', async () => {
    const cluster = new MemoryCluster({ now: NOW });
    const clock = new VirtualClock(NOW);
    postponed(cluster, [HOUR_MS]);
    await drive({ ...options(cluster, clock), waitMaxMs: HOUR_MS - 1 });
    expect(cluster.all(topics.due('marketing').name)).toHaveLength(0);
    await drive({ ...options(cluster, clock), waitMaxMs: HOUR_MS });
    expect(cluster.all(topics.due('marketing').name)).toHaveLength(1);
    expect(clock.now()).toBe(NOW + HOUR_MS);
  });

  it('brings every unit back once, untouched, not before its time and within its tolerance, whatever crashes', async () => {
    const fault = fc.record<Fault>({
      commit: fc.constantFrom('none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
      crash: fc.boolean(),
    });
    const waits = fc.array(fc.integer({ min: 31_000, max: 72 * HOUR_MS }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        waits,
        fc.array(fault, { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, faults, size) => {
          const cluster = new MemoryCluster({ now: NOW, partitions: 2 });
          const clock = new VirtualClock(NOW);
          postponed(cluster, all);
          await drive({ ...options(cluster, clock), faults, batchSizes: [size] });
          const due = cluster.all(topics.due('marketing').name);
          expect(due.map((record) => record.key?.toString()).sort()).toEqual(
            all.map((_, n) => `r${n}@x.example`).sort(),
          );
          for (const record of due) {
            const found = readEnvelope(record.headers, record.at);
            const waitMs = all[found.attempts] as number;
            expect(record.value).toEqual(Buffer.concat([BYTES, Buffer.from([found.attempts])]));
            expect(found).toEqual(
              envelope({
                notBefore: NOW + waitMs,
                toleranceMs: toleranceOf(waitMs),
                attempts: found.attempts,
                lastSource: 'relay-1',
              }),
            );
            // The worker holds what is early by half a minute; each failed commit may cost a second.
            expect(record.at).toBeGreaterThanOrEqual(NOW + waitMs - 30_000);
            expect(record.at).toBeLessThanOrEqual(NOW + waitMs + toleranceOf(waitMs) + 2_000 * (faults.length + 1));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('climbs at most six tiers', async () => {
    const cluster = new MemoryCluster({ now: NOW });
    postponed(cluster, [69_119_000, 479_000, 72 * HOUR_MS - 1]);
    await drive(options(cluster, new VirtualClock(NOW)));
    const hops = new Map<string, number>();
    for (const tier of Object.keys(TIER_MS)) {
      for (const record of cluster.all(`email.delay.${tier}`)) {
        const key = String(record.key);
        hops.set(key, (hops.get(key) ?? 0) + 1);
      }
    }
    expect(hops.size).toBe(3);
    for (const count of hops.values()) expect(count).toBeLessThanOrEqual(6);
  });

  it('makes dead letters of what is no unit', async () => {
    const cluster = new MemoryCluster({ now: NOW });
    cluster.append({ topic: 'email.delay.15s', key: null, value: BYTES, headers: { 'pl-type': 'parcel' } });
    cluster.append({ topic: 'email.delay.15s', key: 'a', value: null, headers: { 'pl-type': 'marketing' } });
    await drive(options(cluster, new VirtualClock(NOW)));
    const letters = cluster.all(topics.deadLetters.name).map((record) => JSON.parse(String(record.value)));
    expect(letters.map((letter) => letter.reason)).toEqual(['bad-envelope', 'null-value']);
  });
});

import { jest } from '@jest/globals';
import fc from 'fast-check';
import { environment } from '../../src/config/environment.ts';
import type { ReputationSignal } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { partitionOf } from '../../src/domain/partitioner.ts';
import { signal } from '../../src/domain/results.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import type { Fault } from '../../src/testing/driver.ts';
import { aboutIdentity, IDENTITIES, identityEvents, inDisorder } from '../support/identity-events.ts';
import { Random } from '../support/random.ts';
import { codec, fold, logOf, memoryStores, rules, tablesIn } from '../support/reputation-world.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(600_000);

const NOW = 1_700_006_400_000 + 20 * DAY_MS;
const LATENESS_MS = rules.identity.score.latenessMs;
/** Events of the large run: POSTLANE_FOLD_EVENTS=200000 is what the project promises. */
const EVENTS = Number(environment().POSTLANE_FOLD_EVENTS ?? 5_000);

const fault = fc.record<Fault>({
  commit: fc.constantFrom('none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
  crash: fc.boolean(),
});

/** Events as a pipeline makes them: three weeks of mail, with bad days, and recipients who bounce, complain and leave. */
function history(count: number, random: Random): readonly ReputationSignal[] {
  const start = NOW - 20 * DAY_MS;
  return Array.from({ length: count }, (_, n): ReputationSignal => {
    const at = start + Math.floor((n / count) * 20 * DAY_MS);
    const eventId = `event-${n}`;
    const isBadDay = Math.floor((at - start) / DAY_MS) % 7 === 3;
    const isIncident = random.next() < (isBadDay ? 0.3 : 0.02);
    if (random.next() < 0.3) {
      const subject = `recipient:r${random.between(0, 1 + count / 20)}@inbox.example`;
      const kind = random.pick(['bounced', 'complained', 'unsubscribed', 'suppression_removed'] as const);
      const tenant = random.pick(['default', 'shop', '*']);
      const facts = { smtpCode: 550, enhancedCode: random.pick(['5.1.1', '5.2.2']), reply: 'refused' };
      return { ...signal({ eventId, subject, kind, at, tenant, type: 'marketing' }), ...facts };
    }
    const subject = random.pick(IDENTITIES);
    if (isIncident) return aboutIdentity(subject, random.pick(['bounced', 'complained', 'deferred']), at, { eventId });
    return aboutIdentity(subject, 'sent_counted', at, { eventId, count: random.between(1, 40) });
  });
}

describe('scores and allowances', () => {
  it('lie in the partition of their signals, also where a foreign producer chose another one than their key’s', async () => {
    const cluster = logOf([], NOW, 3);
    const subject = IDENTITIES[0];
    const events = [
      aboutIdentity(subject, 'sent_counted', NOW - HOUR_MS, { count: 900 }),
      ...Array.from({ length: 100 }, (_, n) => aboutIdentity(subject, 'bounced', NOW - HOUR_MS, { eventId: `b${n}` })),
      aboutIdentity(subject, 'ticked', NOW),
    ];
    const partition = (partitionOf(subject, 3) + 1) % 3;
    for (const one of events) {
      const value = codec.encode(topics.reputation, one);
      cluster.append({ topic: topics.reputation.name, key: subject, value, partition });
    }
    await fold(cluster);
    for (const topic of [topics.scores, topics.allowances]) {
      const found = cluster.partitions(topic.name).map(({ records }) => records.filter(({ value }) => value !== null));
      expect(found.map(({ length }) => length)).toEqual([0, 1, 2].map((n) => (n === partition ? 1 : 0)));
    }
  });

  it('come with the transaction that brought their cause, with figures and rules', async () => {
    const subject = IDENTITIES[0];
    const cluster = logOf(
      [
        aboutIdentity(subject, 'sent_counted', NOW - HOUR_MS, { count: 900 }),
        ...Array.from({ length: 100 }, (_, n) =>
          aboutIdentity(subject, 'bounced', NOW - HOUR_MS, { eventId: `b${n}` }),
        ),
        aboutIdentity(subject, 'ticked', NOW - HOUR_MS + 2 * MINUTE_MS),
      ],
      NOW,
      1,
    );
    await fold(cluster);
    const [row] = cluster.all(topics.scores.name).filter(({ value }) => value !== null);
    const score = codec.decode(topics.scores, row?.value ?? null);
    expect(score).toMatchObject({ ok: true, value: { subject, score: 0, action: 'throttle' } });
    expect(score.ok && score.value.ruleVersion).toContain('bounce=0.02,');
  });

  it('are those of one calm pass, byte for byte: any order and copies within the bound, batches, crashes', async () => {
    await fc.assert(
      fc.asyncProperty(
        identityEvents(NOW, 5 * DAY_MS, 40),
        fc.array(fault, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.integer(),
        fc.boolean(),
        async (events, faults, batchSizes, seed, kept) => {
          const calm = logOf(events, NOW, 2);
          await fold(calm, { batchSizes: [1] });
          const random = new Random(seed);
          const stormy = logOf(
            inDisorder(events, LATENESS_MS, 3, () => random.next()),
            NOW,
            2,
          );
          const survivors = memoryStores();
          await fold(stormy, { faults, batchSizes, stores: kept ? () => survivors : memoryStores });
          expect([...tablesIn(stormy)]).toEqual([...tablesIn(calm)]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it(`hold for ${EVENTS} events, three copies of each`, async () => {
    const seed = 20_261;
    const events = history(EVENTS, new Random(seed));
    const calm = logOf(events, NOW, 8);
    await fold(calm, { batchSizes: [500] });
    const random = new Random(seed + 1);
    const stormy = logOf(
      inDisorder(events, LATENESS_MS, 3, () => random.next()),
      NOW,
      8,
    );
    const faults = Array.from({ length: 60 }, (): Fault => {
      const commit = random.pick(['none', 'commit-lost', 'commit-landed', 'commit-lands-late'] as const);
      return { commit, crash: random.next() < 0.3 };
    });
    await fold(stormy, { faults, batchSizes: Array.from({ length: 200 }, () => random.between(1, 700)) });
    const [expected, found] = [tablesIn(calm), tablesIn(stormy)];
    expect(found.size).toBe(expected.size);
    for (const [key, row] of expected) if (found.get(key) !== row) expect([key, found.get(key)]).toEqual([key, row]);
    const actions = calm
      .all(topics.scores.name)
      .map(({ value }) => value && codec.decode(topics.scores, value))
      .map((decoded) => (decoded?.ok ? decoded.value.action : null));
    // Or nothing was shown: the history must throttle and release.
    expect(actions).toEqual(expect.arrayContaining(['throttle', 'none']));
  });
});

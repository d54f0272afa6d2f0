import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { REPUTATION_GROUP, suppressionProcessor } from '../../processors/reputation/index.ts';
import { RECIPIENT_RULES, type RecipientRules } from '../../processors/reputation/step.ts';
import type { ReputationSignal, Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { BOUNCE_RULES_VERSION } from '../../src/domain/bounce-rules.ts';
import { classify } from '../../src/domain/classification.ts';
import { signal } from '../../src/domain/results.ts';
import { SUPPRESSION_RULES } from '../../src/domain/suppression.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { type TableStates, tableDefinition } from '../../src/runtime/table-fold.ts';
import { TableStore } from '../../src/store/table-store.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { json, jsonCodec } from '../support/json-codec.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const NOW = 1_700_000_000_000;
type Kind = Parameters<typeof signal>[0]['kind'];

const about = (subject: string, kind: Kind, at: number, over: Partial<ReputationSignal> = {}): ReputationSignal => ({
  ...signal({ eventId: `${kind}-${subject}-${at}`, subject, kind, at, tenant: 'default', type: 'marketing' }),
  ...(kind === 'bounced'
    ? { smtpCode: 550, enhancedCode: '5.1.1', reply: 'no such mailbox', class: 'invalid-recipient', ruleVersion: '0' }
    : {}),
  // What operators say holds for everyone, unless they name somebody.
  ...(kind.startsWith('suppression_') ? { tenant: '*', type: 'unknown' } : {}),
  ...over,
});
const ADA = 'recipient:ada@inbox.example';

const memory = (): TableStates<Suppression> =>
  new MemoryTable(topics.suppressions, jsonCodec, new RecordingTelemetry());

const world = (signals: readonly ReputationSignal[], partitions = 2) => {
  const cluster = new MemoryCluster({ now: NOW, partitions });
  for (const one of signals) cluster.append({ topic: topics.reputation.name, key: one.subject, value: json(one) });
  return cluster;
};

const run = (
  cluster: MemoryCluster,
  over: {
    states?: () => TableStates<Suppression>;
    faults?: Fault[];
    batchSizes?: number[];
    rules?: RecipientRules;
  } = {},
) => {
  const states = over.states ?? memory;
  return drive<ReputationSignal>({
    cluster,
    clock: new VirtualClock(NOW),
    define: () => tableDefinition(suppressionProcessor(over.rules), states(), jsonCodec),
    codec: jsonCodec,
    group: REPUTATION_GROUP,
    faults: over.faults ?? [],
    batchSizes: over.batchSizes ?? [3],
    waitMaxMs: 10 * MINUTE_MS,
  });
};

/** What a reader of the compacted topic sees. */
const table = (cluster: MemoryCluster): Map<string, Suppression> => {
  const rows = new Map<string, Suppression>();
  for (const { key, value } of cluster.all(topics.suppressions.name)) {
    if (value !== null) rows.set(String(key), JSON.parse(String(value)) as Suppression);
  }
  return new Map([...rows].sort());
};
const rowOf = async (...signals: ReputationSignal[]): Promise<Suppression | undefined> => {
  const cluster = world(signals, 1);
  await run(cluster);
  return table(cluster).get(ADA);
};

describe('suppression', () => {
  it('follows from a hard bounce, and says by which rules', async () => {
    expect(await rowOf(about(ADA, 'bounced', NOW - 5))).toMatchObject({
      subject: ADA,
      active: true,
      severity: 'hard_bounce',
      since: NOW - 5,
      tenant: null,
      type: null,
      evidence: [
        { eventId: `bounced-${ADA}-${NOW - 5}`, class: 'invalid-recipient', ruleVersion: BOUNCE_RULES_VERSION },
      ],
    });
  });

  it.each<[string, ReputationSignal]>([
    ['a blocklisting behind 5.1.1', about(ADA, 'bounced', NOW, { reply: 'listed at zen.spamhaus.org' })],
    [
      'what the worker, who knew the stage, took for something else',
      about(ADA, 'bounced', NOW, {
        enhancedCode: null,
        reply: 'no such user',
        class: 'undetermined',
        ruleVersion: BOUNCE_RULES_VERSION,
      }),
    ],
    ['a deferral', about(ADA, 'deferred', NOW)],
    ['a delivery', about(ADA, 'delivered', NOW)],
    ['anything about an identity', about('identity:pool:bulk|google', 'bounced', NOW)],
  ])('does not follow from %s', async (_, one) => {
    const cluster = world([one], 1);
    await run(cluster);
    expect(table(cluster).size).toBe(0);
  });

  it('can be lifted by an operator, and comes back with a new bounce', async () => {
    const bounced = about(ADA, 'bounced', NOW - 9);
    const lifted = about(ADA, 'suppression_removed', NOW - 5, { who: 'op', why: 'typo mended' });
    expect(await rowOf(bounced, lifted)).toMatchObject({
      active: false,
      evidence: [{ who: 'op', why: 'typo mended' }],
    });
    expect(await rowOf(lifted, bounced)).toMatchObject({ active: false });
    expect(await rowOf(bounced, lifted, about(ADA, 'bounced', NOW - 1))).toMatchObject({
      active: true,
      since: NOW - 1,
    });
  });

  it('can be ordered by an operator, and no bounce weakens it', async () => {
    const added = about(ADA, 'suppression_added', NOW - 9, { who: 'op', why: 'asked by phone' });
    expect(await rowOf(added, about(ADA, 'bounced', NOW - 1))).toMatchObject({
      active: true,
      severity: 'manual',
      since: NOW - 9,
    });
  });

  it('of a complaint binds the tenant whose mail it was, or everybody where that is configured', async () => {
    const complaint = about(ADA, 'complained', NOW, { tenant: 'a' });
    expect(await rowOf(complaint)).toMatchObject({ active: true, severity: 'complaint', tenant: 'a', type: null });
    const cluster = world([complaint], 1);
    const suppression = { ...SUPPRESSION_RULES, complaintScope: 'all' as const };
    await run(cluster, { rules: { ...RECIPIENT_RULES, suppression } });
    expect(table(cluster).get(ADA)).toMatchObject({ active: true, tenant: null });
  });

  it('does not follow from a report that nothing binds to a mail of ours', async () => {
    for (const kind of ['complained', 'bounced', 'unsubscribed'] as const) {
      expect(await rowOf(about(ADA, kind, NOW, { authenticated: false }))).toBeUndefined();
    }
  });

  it('does not follow from one full mailbox', async () => {
    const full = { smtpCode: 552, enhancedCode: '5.2.2', reply: 'full', class: 'mailbox-full' };
    expect(await rowOf(about(ADA, 'bounced', NOW, full))).toMatchObject({ active: false, severity: 'unknown' });
  });

  it('is forgotten where the address is to be', async () => {
    const forgotten = await rowOf(about(ADA, 'complained', NOW - 9), about(ADA, 'erased', NOW));
    expect(forgotten).toMatchObject({ active: false, evidence: [{ kind: 'erased' }] });
  });

  it('reads no event as later than it was written down', async () => {
    const lifted = about(ADA, 'suppression_removed', NOW);
    expect(await rowOf(lifted, about(ADA, 'bounced', NOW + 1_000_000))).toMatchObject({ active: false });
  });

  it('writes no row for what is known already', async () => {
    const cluster = world(
      Array.from({ length: 9 }, () => about(ADA, 'bounced', NOW)),
      1,
    );
    await run(cluster, { batchSizes: [2] });
    expect(cluster.all(topics.suppressions.name).filter(({ value }) => value !== null)).toHaveLength(1);
  });

  it('can be asked "what if" with other rules', async () => {
    const cluster = world([about(ADA, 'bounced', NOW)], 1);
    await run(cluster, {
      rules: { ...RECIPIENT_RULES, judge: (refusal) => ({ ...classify(refusal), severity: 'none' }) },
    });
    expect(table(cluster).size).toBe(0);
  });

  const anySignal = fc
    .record({
      subject: fc.constantFrom(ADA, 'recipient:bob@inbox.example', 'recipient:eve@x.example', 'identity:pool:p|google'),
      kind: fc.constantFrom<Kind[]>(
        'bounced',
        'bounced',
        'complained',
        'unsubscribed',
        'suppression_added',
        'suppression_removed',
        'delivered',
      ),
      tenant: fc.constantFrom('default', 'other', '*'),
      at: fc.integer({ min: NOW - 20, max: NOW }),
    })
    .map(({ subject, kind, at, tenant }) =>
      about(subject, kind, at, { tenant, eventId: `${kind}-${subject}-${at}-${tenant}` }),
    );
  const fault = fc.record<Fault>({
    commit: fc.constantFrom('none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
    crash: fc.boolean(),
  });

  it('gives the table of one calm run in any order, with any duplicates, batches and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySignal, { maxLength: 30 }),
        fc.array(fault, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        fc.boolean(),
        async (signals, faults, batchSizes, numbers, kept) => {
          const calm = world(signals);
          await run(calm, { batchSizes: [1] });
          const disorder = [...signals, ...signals.filter((_, n) => n % 3 === 0)]
            .map((one) => ({ one, order: numbers.next().value }))
            .sort((left, right) => left.order - right.order)
            .map(({ one }) => one);
          const stormy = world(disorder);
          const survivor = memory();
          await run(stormy, { faults, batchSizes, states: kept ? () => survivor : memory });
          expect([...table(stormy)]).toEqual([...table(calm)]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('does so over a store on disk', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'postlane-reputation-'));
    const telemetry = new RecordingTelemetry();
    const store = await TableStore.open({ directory, topic: topics.suppressions, codec: jsonCodec, telemetry });
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anySignal, { maxLength: 20 }),
          fc.array(fault, { maxLength: 8 }),
          async (signals, faults) => {
            const calm = world(signals);
            await run(calm);
            const stormy = world(signals);
            for (const partition of [0, 1]) await store.reset(partition);
            await run(stormy, { faults, states: () => store });
            expect([...table(stormy)]).toEqual([...table(calm)]);
            for (const [subject, row] of table(calm)) expect(store.get(subject)).toEqual(row);
          },
        ),
        { numRuns: 40 },
      );
    } finally {
      await store.close();
      await rm(directory, { recursive: true });
    }
  });
});

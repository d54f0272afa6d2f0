import { jest } from '@jest/globals';
import fc from 'fast-check';
import { SPLIT_GROUP } from '../../processors/split/index.ts';
import type { DeadLetter, Feedback, FeedbackEvent } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { classify } from '../../src/domain/classification.ts';
import { FEEDBACK_FORMATS } from '../../src/domain/feedback/report.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { anyCharacter } from '../support/any-text.ts';
import { aFeedback, defineSplit, NOW } from '../support/feedback.ts';
import { feedbackCorpus, judged, readAny } from '../support/feedback-corpus.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(120_000);

const codec = new MemoryCodec();

function decoded<V>(cluster: MemoryCluster, topic: { name: string; schema: string }): V[] {
  return cluster.all(topic.name).map(({ value }) => {
    const found = codec.decode(topic, value);
    if (!found.ok) throw new Error(found.detail);
    return found.value as V;
  });
}

async function split(all: readonly Feedback[], faults: readonly Fault[] = [], batchSize = 7) {
  const cluster = new MemoryCluster({ now: NOW });
  for (const feedback of all) {
    cluster.append({
      topic: topics.feedback.name,
      key: feedback.batchId,
      value: codec.encode(topics.feedback, feedback),
    });
  }
  const clock = new VirtualClock(NOW);
  await drive<Feedback>({
    cluster,
    clock,
    codec,
    define: defineSplit,
    group: SPLIT_GROUP,
    faults,
    batchSizes: [batchSize],
    waitMaxMs: 60_000,
  });
  return {
    events: decoded<FeedbackEvent>(cluster, topics.feedbackEvents),
    letters: decoded<DeadLetter>(cluster, topics.deadLetters),
  };
}

const fault = fc.record<Fault>({
  commit: fc.constantFrom('none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
  crash: fc.boolean(),
});

describe('the split, as a stream', () => {
  it('makes events or a dead letter of any bytes, and never throws', async () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: anyCharacter, maxLength: 300 }).map((text) => Buffer.from(text)),
      fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
    );
    const feedback = fc.record({
      format: fc.constantFrom(...FEEDBACK_FORMATS, 'fax'),
      body: bodies.map((bytes) => Buffer.from(bytes)),
      recipient: fc.option(fc.string({ unit: anyCharacter, maxLength: 70 }), { nil: null }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(feedback, { minLength: 1, maxLength: 12 }), async (all) => {
        const { letters } = await split(all.map((over) => aFeedback(over)));
        expect(letters.filter(({ reason }) => reason === 'step-threw')).toEqual([]);
        const unknown = all.filter(({ format }) => format === 'fax').length;
        expect(letters.filter(({ reason }) => reason === 'unknown-format')).toHaveLength(unknown);
      }),
      { numRuns: 150 },
    );
  });

  it('writes every event once, whatever crashes', async () => {
    const all = ['job-1', 'job-2', 'job-3'].map((jobId, n) =>
      aFeedback({
        batchId: jobId,
        body: Buffer.from(JSON.stringify([{ event: 'bounce', email: `r${n}@x.example` }])),
        format: 'sendgrid',
      }),
    );
    const calm = await split(all);
    expect(calm.events).toHaveLength(3);
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 6 }), fc.integer({ min: 1, max: 3 }), async (faults, size) => {
        expect(await split(all, faults, size)).toEqual(calm);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps the verdict on every mail of the corpus in at most 512 bytes', async () => {
    const samples = feedbackCorpus().filter(({ bytes }) => bytes.length > 0);
    const mails = samples.filter(({ expected }) => ['dsn', 'arf'].includes(expected.as ?? 'dsn'));
    expect(mails.length).toBeGreaterThan(150);
    const { events, letters } = await split(
      mails.map(({ name, bytes, expected }) =>
        aFeedback({ batchId: name, body: Buffer.from(bytes), format: expected.as ?? 'dsn' }),
      ),
    );
    expect(letters.map(({ reason, detail }) => [reason, detail])).toEqual([]);
    const expected = new Map<string, number>();
    for (const { bytes, expected: reading } of mails) {
      const report = await readAny(bytes, reading.as ?? null);
      for (const { kind, class: found } of report === null ? [] : judged(report)) {
        if (kind === 'bounce') expected.set(found, (expected.get(found) ?? 0) + 1);
      }
    }
    const got = new Map<string, number>();
    for (const { kind, reply, smtpCode, enhancedCode } of events) {
      expect(Buffer.byteLength(reply ?? '')).toBeLessThanOrEqual(512);
      if (kind !== 'bounce') continue;
      const found = classify({ smtpCode, enhancedCode, text: reply ?? '', stage: null }).class;
      got.set(found, (got.get(found) ?? 0) + 1);
    }
    expect([...got].sort()).toEqual([...expected].sort());
  });
});

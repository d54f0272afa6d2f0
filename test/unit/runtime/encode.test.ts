import type { DeadLetter, DeliveryResult, EmailJob } from '../../../src/contracts/generated.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { ending } from '../../../src/domain/results.ts';
import { deadLetter, encodeOutputs } from '../../../src/runtime/encode.ts';
import type { StoredRecord } from '../../../src/runtime/ports.ts';
import { emit, Raw } from '../../../src/runtime/processor.ts';
import { aJob } from '../../../src/testing/builders.ts';
import { MemoryCodec } from '../../../src/testing/memory-codec.ts';

const JOB_BYTES_MAX = 200_000;
const codec = new MemoryCodec({ jobBytesMax: JOB_BYTES_MAX });
const task = { group: 'router', topic: 'email.ingest.marketing', partition: 3 };
const why = { stage: 'decode', reason: 'too-large', detail: 'too large', processor: 'router', version: '1', at: 5 };

function letterFor(record: Partial<StoredRecord>): { readonly key: unknown; readonly letter: DeadLetter } {
  const stored: StoredRecord = { offset: 7, key: Buffer.from('k'), value: null, headers: {}, at: 1, ...record };
  const [written] = encodeOutputs(codec, [deadLetter(task, stored, why)]);
  const decoded = codec.decode<DeadLetter>(topics.deadLetters, written?.value as Buffer);
  if (!decoded.ok) throw new Error(decoded.detail);
  return { key: written?.key, letter: decoded.value };
}

describe('a dead letter', () => {
  it('holds the original bytes, key and headers', () => {
    const value = Buffer.alloc(JOB_BYTES_MAX, 1);
    const { key, letter } = letterFor({ value, headers: { a: 'b' } });
    expect(key).toBe('k');
    expect(letter).toEqual({
      topic: task.topic,
      partition: 3,
      offset: 7,
      key: Buffer.from('k'),
      value,
      headers: [{ name: 'a', value: 'b' }],
      stage: 'decode',
      reason: 'too-large',
      detail: 'too large',
      processor: 'router',
      version: '1',
      jobId: null,
      at: 5,
    });
  });

  it('can be written of any record: what is larger than any job is cut, and says so', () => {
    const { letter } = letterFor({
      key: Buffer.alloc(3_000_000, 2),
      value: Buffer.alloc(20_000_000, 1),
      headers: { a: 'x'.repeat(1_000_000) },
    });
    expect(letter.value).toEqual(Buffer.alloc(65_536, 1));
    expect(letter.detail).toBe('too large (the value had 20000000 bytes and was cut, headers were dropped)');
    expect([letter.offset, letter.reason, letter.headers]).toEqual([7, 'too-large', []]);
  });

  it('is not written under a key that is larger than the broker would take', () => {
    const { key, letter } = letterFor({ key: Buffer.alloc(50_000, 2) });
    expect(key).toBeNull();
    expect(letter.key).toHaveLength(50_000);
  });
});

describe('a result', () => {
  it('can be written of any job: one that was refused for its size loses what is not needed', () => {
    const job = aJob({
      recipient: 'x'.repeat(1_000_000),
      tags: ['y'.repeat(1_000_000)],
      metadata: [{ name: 'z', value: 'z'.repeat(1_000_000) }],
    });
    const topic = topics.results('marketing');
    const result = ending(job, 'dead_lettered', 0, 5, { reason: 'too-long: recipient' });
    const [written] = encodeOutputs(codec, [emit(topic, job.id, result)]);
    const decoded = codec.decode<DeliveryResult>(topic, written?.value as Buffer);
    expect(decoded).toMatchObject({
      ok: true,
      value: { jobId: job.id, ending: 'dead_lettered', reason: 'too-long: recipient', tags: [], metadata: [] },
    });
  });
});

describe('encodeOutputs', () => {
  it('passes raw values through untouched', () => {
    const bytes = Buffer.alloc(JOB_BYTES_MAX * 2);
    const topic = topics.due('marketing');
    const [written] = encodeOutputs(codec, [emit<EmailJob>(topic, 'k', new Raw(bytes))]);
    expect(written?.value).toBe(bytes);
  });

  it('does not shorten what is bounded by what it is made of', () => {
    const job = aJob({ tags: ['x'.repeat(JOB_BYTES_MAX)] });
    expect(() => encodeOutputs(codec, [emit(topics.due('marketing'), 'k', job)])).toThrow('LIMIT_EXCEEDED');
  });
});

import { topics } from '../contracts/topic.ts';
import type { Millis } from '../domain/time.ts';
import type { Codec } from './codec.ts';
import type { LogRecord, StoredRecord, Task } from './ports.ts';
import { emit, type Output, Raw } from './processor.ts';

/** Turns typed outputs into bytes for the log. Raw values pass through untouched. */
export function encodeOutputs(codec: Codec, outputs: readonly Output[]): LogRecord[] {
  return outputs.map((output) => ({
    topic: output.topic.name,
    key: output.key,
    value:
      output.value === null || output.value === undefined
        ? null
        : output.value instanceof Raw
          ? output.value.bytes
          : codec.encode(output.topic, output.value),
    ...(output.headers === undefined ? {} : { headers: output.headers }),
    ...(output.partition === undefined ? {} : { partition: output.partition }),
  }));
}

/** Detail texts of dead letters are for people; this is as long as one may be. */
const DETAIL_LENGTH_MAX = 500;

/** A dead letter for a record of a task's input: the original bytes, where they lay, and why they went no further. */
export function deadLetter(
  task: Task,
  record: StoredRecord,
  why: {
    readonly stage: string;
    readonly reason: string;
    readonly detail: string | null;
    readonly processor: string;
    readonly version: string;
    readonly jobId?: string | null;
    readonly at: Millis;
  },
): Output {
  return emit(topics.deadLetters, record.key === null ? null : record.key.toString('utf8'), {
    topic: task.topic,
    partition: task.partition,
    offset: record.offset,
    key: record.key,
    value: record.value,
    headers: Object.entries(record.headers).map(([name, value]) => ({ name, value })),
    stage: why.stage,
    reason: why.reason,
    detail: why.detail === null ? null : why.detail.slice(0, DETAIL_LENGTH_MAX),
    processor: why.processor,
    version: why.version,
    jobId: why.jobId ?? null,
    at: why.at,
  }) as Output;
}

/** Keys are text; what is not valid UTF-8 is read with replacement characters and dead-lettered by whoever needs it exact. */
export const keyText = (record: StoredRecord): string => (record.key === null ? '' : record.key.toString('utf8'));

import { topics } from '../contracts/topic.ts';
import { isPostlaneError } from '../domain/error.ts';
import type { Millis } from '../domain/time.ts';
import type { Codec } from './codec.ts';
import type { LogRecord, StoredRecord, Task } from './ports.ts';
import { emit, type Output, Raw } from './processor.ts';
import { shortened } from './shorten.ts';

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
          : encodeFitting(codec, output, output.value),
    ...(output.headers === undefined ? {} : { headers: output.headers }),
    ...(output.partition === undefined ? {} : { partition: output.partition }),
  }));
}

function encodeFitting(codec: Codec, output: Output, value: unknown): Buffer {
  try {
    return codec.encode(output.topic, value);
  } catch (error) {
    const short = isPostlaneError(error, 'LIMIT_EXCEEDED') ? shortened(output.topic.schema, value) : null;
    if (short === null) throw error;
    return codec.encode(output.topic, short);
  }
}

/** Longest key under which a dead letter is written; one that is longer is only in the letter. */
const KEY_BYTES_MAX = 1_024;

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
  const hasKey = record.key !== null && record.key.length <= KEY_BYTES_MAX;
  return emit(topics.deadLetters, hasKey ? keyText(record) : null, {
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

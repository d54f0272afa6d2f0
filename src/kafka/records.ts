import { isUtf8 } from 'node:buffer';
import type { IHeaders, KafkaMessage, TopicMessages } from 'kafkajs';
import type { Names } from '../contracts/region.ts';
import type { Landed, LogRecord, StoredRecord } from '../runtime/ports.ts';
import { BARRIER_KEY } from '../runtime/ports.ts';
import { FetchedRecord } from './guards/fetched-record.ts';

/** A request larger than this fails whole at the broker's default `max.message.bytes` of 1 MB; a single larger record goes alone. */
export const REQUEST_BYTES_MAX = 500_000;
export const REQUEST_RECORDS_MAX = 500;
/** What a record takes on the wire beside its key, value and headers. */
const RECORD_OVERHEAD_BYTES = 40;

/** A record on its way out; `partition` is filled in by the partitioner. */
export interface Outgoing {
  /** As the cluster knows it. */
  readonly topic: string;
  readonly message: {
    readonly key: Buffer | string | null;
    readonly value: Buffer | null;
    readonly headers?: IHeaders;
    partition?: number;
  };
  readonly bytes: number;
}

const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function toOutgoing(record: LogRecord, names: Names): Outgoing {
  const { key, value, headers, partition } = record;
  let bytes = RECORD_OVERHEAD_BYTES + (value?.length ?? 0);
  if (key !== null) bytes += typeof key === 'string' ? Buffer.byteLength(key) : key.length;
  for (const name in headers) bytes += name.length + Buffer.byteLength(headers[name] as string) + 4;
  return {
    topic: names.topic(record.topic),
    bytes,
    message: {
      key: key === null || typeof key === 'string' ? key : toBuffer(key),
      value: value === null ? null : toBuffer(value),
      headers: headers as IHeaders | undefined,
      partition,
    },
  };
}

/** Cuts records into requests that a broker takes, in order. */
export function chunked(records: readonly Outgoing[]): Outgoing[][] {
  const chunks: Outgoing[][] = [];
  let chunk: Outgoing[] = [];
  let bytes = 0;
  for (const record of records) {
    if (chunk.length > 0 && (chunk.length >= REQUEST_RECORDS_MAX || bytes + record.bytes > REQUEST_BYTES_MAX)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(record);
    bytes += record.bytes;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** One request of kafkajs's `sendBatch`. */
export function toTopicMessages(chunk: readonly Outgoing[]): TopicMessages[] {
  const byTopic = new Map<string, Outgoing['message'][]>();
  for (const { topic, message } of chunk) {
    const messages = byTopic.get(topic);
    if (messages) messages.push(message);
    else byTopic.set(topic, [message]);
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}

interface Acknowledged {
  readonly topicName: string;
  readonly partition: number;
  readonly baseOffset?: string;
}

/** Where each record of an acknowledged request landed: a partition's records lie behind each other from its base offset. */
export function landedIn(chunk: readonly Outgoing[], acknowledged: readonly Acknowledged[]): Landed[] {
  const next = new Map<string, number>();
  for (const { topicName, partition, baseOffset } of acknowledged) {
    next.set(`${topicName} ${partition}`, Number(baseOffset));
  }
  return chunk.map(({ topic, message }) => {
    const partition = message.partition as number;
    const place = `${topic} ${partition}`;
    const offset = next.get(place) as number;
    next.set(place, offset + 1);
    return { partition, offset };
  });
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** Headers as text. What is not UTF-8 is dropped; of a repeated name the last value counts, as for Java's `lastHeader`. */
function readHeaders(headers: IHeaders | undefined): Readonly<Record<string, string>> {
  let read: Record<string, string> | null = null;
  for (const name in headers) {
    const given = headers[name];
    const value = Array.isArray(given) ? given.at(-1) : given;
    if (value === null || value === undefined) continue;
    if (typeof value !== 'string' && !isUtf8(value)) continue;
    read ??= {};
    read[name] = value.toString();
  }
  return read ?? NO_HEADERS;
}

type Fetched = Pick<KafkaMessage, 'offset' | 'key' | 'value' | 'headers' | 'timestamp'>;

/** The offset of a fetched record; the guarded decoder has it as a number. */
export const offsetOf = (message: Pick<Fetched, 'offset'>): number =>
  message instanceof FetchedRecord ? message.position : Number(message.offset);

export const toStored = (message: Fetched): StoredRecord => ({
  offset: offsetOf(message),
  key: message.key,
  value: message.value,
  headers: readHeaders(message.headers),
  at: message instanceof FetchedRecord ? message.at : Number(message.timestamp),
});

const BARRIER_KEY_BYTES = Buffer.from(BARRIER_KEY);

export const isBarrier = ({ key }: StoredRecord): boolean =>
  key !== null && key.length === BARRIER_KEY_BYTES.length && key.equals(BARRIER_KEY_BYTES);

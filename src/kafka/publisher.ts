import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import { PostlaneError } from '../domain/error.ts';
import type { Landed, LogRecord } from '../runtime/ports.ts';
import type { Connection, KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { isRefused } from './errors.ts';
import {
  chunked,
  landedIn,
  type Outgoing,
  REQUEST_BYTES_MAX,
  REQUEST_RECORDS_MAX,
  toOutgoing,
  toTopicMessages,
} from './records.ts';

export interface PublisherOptions {
  readonly kafka: KafkaClient;
  /** A record larger than this is refused at once. Default 5 MB and 64 KB, as the topics of jobs take. */
  readonly recordBytesMax?: number;
  /** Records that wait or are on their way, in bytes; further ones wait before they are taken. Default 16 MB. */
  readonly queuedBytesMax?: number;
  /** Records are given up when no broker acknowledged them for so long. Default 30 s. */
  readonly deliveryTimeoutMs?: number;
  /**
   * Calls are refused at once, and nothing of them is sent, while calls before them have had no acknowledgement for so long:
   * whoever waits for an answer should not wait for what nobody answers. Default: never.
   */
  readonly stallMs?: number;
  /**
   * Shortest time between the beginnings of two requests, in ms, so that calls that come meanwhile share one; a call after a silence
   * goes at once. For many small calls: a request costs the broker about the same however much it says. Default 0.
   */
  readonly gatherMs?: number;
}

const RECORD_BYTES_MAX = 5 * 1024 * 1024 + 64 * 1024;
const QUEUED_BYTES_MAX = 16 * 1024 * 1024;
const DELIVERY_TIMEOUT_MS = 30_000;

/** Records that were appended by one call: acknowledged together. */
interface Waiting {
  readonly outgoing: readonly Outgoing[];
  readonly bytes: number;
  readonly resolve: (landed: readonly Landed[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Appends records outside of transactions: acknowledged by all in-sync replicas, in order, one request at a time.
 * Calls that come while a request is under way go out together in the next one.
 *
 * After any failure the producer is thrown away: kafkajs may give a later record the sequence number of one that timed
 * out, and the broker would take it for a repetition; and a topic that does not exist would fail every later request.
 * A call that failed may have landed all the same: callers that try again may append twice.
 */
export class Publisher {
  private readonly options: Required<PublisherOptions>;
  private connection: Connection<Producer> | null = null;
  private readonly waiting: Waiting[] = [];
  private queuedBytes = 0;
  private readonly waitingForRoom: (() => void)[] = [];
  private pumping: Promise<void> | null = null;
  /** Since when calls are under way without a single acknowledgement; null while there are none, or it goes well. */
  private unansweredSince: number | null = null;
  /** When the last request began. */
  private begunAt = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(options: PublisherOptions) {
    this.options = {
      ...options,
      recordBytesMax: options.recordBytesMax ?? RECORD_BYTES_MAX,
      queuedBytesMax: options.queuedBytesMax ?? QUEUED_BYTES_MAX,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS,
      stallMs: options.stallMs ?? Number.POSITIVE_INFINITY,
      gatherMs: options.gatherMs ?? 0,
    };
  }

  /**
   * Settles when all of the records are replicated, with where they landed. Throws LIMIT_EXCEEDED for a record that is too
   * large (nothing of the call was sent then), KAFKA_UNAVAILABLE for anything else (with `sent: false` where nothing of it
   * was sent), STOPPED once closed.
   */
  async append(records: readonly LogRecord[]): Promise<readonly Landed[]> {
    if (records.length === 0) return [];
    if (this.isStalled) throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'publishing', sent: false });
    const outgoing = records.map((record) => toOutgoing(record, this.options.kafka.names));
    const tooLarge = outgoing.find(({ bytes }) => bytes > this.options.recordBytesMax);
    if (tooLarge) {
      const { recordBytesMax } = this.options;
      throw new PostlaneError('LIMIT_EXCEEDED', { topic: tooLarge.topic, bytes: tooLarge.bytes, recordBytesMax });
    }
    const bytes = outgoing.reduce((sum, each) => sum + each.bytes, 0);
    await this.room(bytes);
    return new Promise((resolve, reject) => {
      this.waiting.push({ outgoing, bytes, resolve, reject });
      this.pumping ??= this.pump().finally(() => {
        this.pumping = null;
      });
    });
  }

  /** Sends what waits, then closes. Idempotent. */
  async close(): Promise<void> {
    this.closed = true;
    await this.pumping;
    for (const proceed of this.waitingForRoom.splice(0)) proceed();
    const { connection } = this;
    this.connection = null;
    await connection?.client.disconnect().catch(() => undefined);
    connection?.cut();
  }

  /** What waits already is tried on, so that the end of a stall is noticed without those that are refused. */
  private get isStalled(): boolean {
    return this.unansweredSince !== null && performance.now() - this.unansweredSince > this.options.stallMs;
  }

  /** Waits until the bytes fit. One call larger than the whole queue goes alone. */
  private async room(bytes: number): Promise<void> {
    while (!this.closed && this.queuedBytes > 0 && this.queuedBytes + bytes > this.options.queuedBytesMax) {
      await new Promise<void>((resolve) => this.waitingForRoom.push(resolve));
    }
    if (this.closed) throw new PostlaneError('STOPPED', { what: 'publishing' });
    this.queuedBytes += bytes;
  }

  private async pump(): Promise<void> {
    while (this.waiting.length > 0) {
      await this.gather();
      const calls = this.nextCalls();
      this.unansweredSince ??= performance.now();
      await this.sendCalls(calls);
      for (const { bytes } of calls) this.queuedBytes -= bytes;
      for (const proceed of this.waitingForRoom.splice(0)) proceed();
    }
    this.unansweredSince = null;
  }

  private async gather(): Promise<void> {
    const waitMs = this.begunAt + this.options.gatherMs - performance.now();
    if (waitMs > 0.5 && !this.closed) await sleep(waitMs);
    this.begunAt = performance.now();
  }

  /** As many whole calls as one request takes; at least one. */
  private nextCalls(): Waiting[] {
    const calls: Waiting[] = [];
    let records = 0;
    let bytes = 0;
    while (this.waiting.length > 0) {
      const next = this.waiting[0] as Waiting;
      records += next.outgoing.length;
      bytes += next.bytes;
      if (calls.length > 0 && (records > REQUEST_RECORDS_MAX || bytes > REQUEST_BYTES_MAX)) break;
      calls.push(this.waiting.shift() as Waiting);
    }
    return calls;
  }

  private async sendCalls(calls: readonly Waiting[]): Promise<void> {
    try {
      const landed = await this.send(calls.flatMap(({ outgoing }) => outgoing));
      let at = 0;
      for (const { outgoing, resolve } of calls) {
        resolve(landed.slice(at, at + outgoing.length));
        at += outgoing.length;
      }
    } catch (cause) {
      // It is an answer, too.
      if (isRefused(cause)) this.unansweredSince = performance.now();
      // One record that the broker refuses must not take the other callers' with it.
      if (calls.length > 1 && isRefused(cause)) {
        for (const call of calls) await this.sendCalls([call]);
        return;
      }
      const topics = [...new Set(calls.flatMap(({ outgoing }) => outgoing.map(({ topic }) => topic)))];
      for (const { reject } of calls)
        reject(new PostlaneError('KAFKA_UNAVAILABLE', { what: 'publishing', topics }, { cause }));
    }
  }

  private async send(outgoing: readonly Outgoing[]): Promise<Landed[]> {
    const { deliveryTimeoutMs } = this.options;
    const landed: Landed[] = [];
    try {
      for (const chunk of chunked(outgoing)) {
        const acknowledged = await withDeadline(this.request(chunk), deliveryTimeoutMs, 'publishing');
        this.unansweredSince = performance.now();
        for (const place of landedIn(chunk, acknowledged)) landed.push(place);
      }
      return landed;
    } catch (error) {
      this.connection?.cut();
      this.connection = null;
      throw error;
    }
  }

  private async request(chunk: readonly Outgoing[]) {
    const timeout = this.options.deliveryTimeoutMs;
    if (!this.connection) {
      this.connection = this.options.kafka.idempotent(timeout);
      await this.connection.client.connect();
    }
    return this.connection.client.sendBatch({ acks: -1, timeout, topicMessages: toTopicMessages(chunk) });
  }
}

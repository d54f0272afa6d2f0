import { assert, isPostlaneError, PostlaneError } from '../../src/domain/error.ts';
import type { JobRules } from '../../src/domain/job.ts';
import type { EmailJobInput } from '../../src/domain/job-input.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { isRefused } from '../../src/kafka/errors.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Clock, Landed, LogRecord } from '../../src/runtime/ports.ts';
import { type Accepted, acceptJob, type PublishProblem } from './accept.ts';
import { type Pending, PendingQueue } from './pending-queue.ts';

/** Where a published job lies. */
export interface Published {
  /** The job's id: the one that was given, or the new one. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Appends records durably and in order. */
export interface Appender {
  /** Settles when all of the records are replicated. Whoever's call failed may have appended all the same. */
  append(records: readonly LogRecord[]): Promise<readonly Landed[]>;
  close(): Promise<void>;
}

export interface PublisherBounds {
  /** How long the first job of a batch waits for company where nothing else is under way. */
  readonly lingerMs: number;
  /** Jobs that wait or are on their way; `publish` waits for room. */
  readonly bufferedJobsMax: number;
  readonly bufferedBytesMax: number;
  /** A job that no broker acknowledged for so long is given up: its `publish` throws. */
  readonly deliveryTimeoutMs: number;
}

export const PUBLISHER_BOUNDS_DEFAULT: PublisherBounds = {
  lingerMs: 5,
  bufferedJobsMax: 2_000,
  bufferedBytesMax: 16 * 1024 * 1024,
  deliveryTimeoutMs: 120 * SECOND_MS,
};

export interface JobPublisherOptions extends PublisherBounds {
  readonly appender: Appender;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly rules: JobRules;
  /** Told of every failed append that is tried again. */
  readonly onRetry: (error: unknown) => void;
}

/** A broker that is away is knocked at again, ever more slowly. */
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5 * SECOND_MS;
const CLOSE_WITHIN_MS = 60 * SECOND_MS;

/**
 * Publishes jobs: checks, encodes, batches and appends them, one batch under way at a time, in the order of the calls.
 *
 * A failed append is tried again until the job's own deadline. It may have landed all the same, so a job can lie in the
 * log twice: under one id, with one content, of which the router lets one through. No job is dropped without its
 * `publish` throwing.
 */
export class JobPublisher {
  private readonly options: JobPublisherOptions;
  private readonly queue: PendingQueue;
  /** The linger that is under way. */
  private lingering: AbortController | null = null;
  /** Ends every wait and every further try. */
  private readonly abandoned = new AbortController();
  private pumping: Promise<void> | null = null;
  private closing: Promise<void> | null = null;

  constructor(options: JobPublisherOptions) {
    assert(options.bufferedJobsMax > 0 && options.bufferedBytesMax > 0, 'a buffer holds something');
    this.options = options;
    this.queue = new PendingQueue(options.bufferedJobsMax, options.bufferedBytesMax);
  }

  /**
   * Settles when the job is replicated to all in-sync brokers. Waits while the buffer is full.
   * Throws JOB_REFUSED for a job that would not be sent (`facts.problem` is a `PublishProblem`, `facts.detail` says where);
   * KAFKA_UNAVAILABLE when no broker took it in time: it may be in the log all the same, and publishing it again under the
   * same id is safe; STOPPED after `close`.
   */
  async publish(input: EmailJobInput): Promise<Published> {
    if (this.closing !== null) throw stopped();
    const { clock, newId, rules, deliveryTimeoutMs } = this.options;
    const now = clock.now();
    const accepted = acceptJob(input, { now, newId, rules });
    if (!accepted.ok) throw refused(input, accepted.problem, accepted.detail);
    const record = this.encode(accepted, input);
    const { id } = accepted.job;
    const bytes = (record.value?.length ?? 0) + id.length;
    const landed = await new Promise<Landed>((resolve, reject) => {
      this.queue.add({ record, bytes, deadline: now + deliveryTimeoutMs, resolve, reject });
      this.pumping ??= this.pump();
      if (this.queue.hasWholeBatch) this.endLinger();
    });
    return { id, topic: record.topic, partition: landed.partition, offset: landed.offset };
  }

  /** Settles when the buffer has room: for callers that do not wait for one `publish` before the next. */
  room(): Promise<void> {
    return this.queue.room();
  }

  /** Settles when everything that was published before is acknowledged or given up, and whoever waited for it has heard. */
  async flush(): Promise<void> {
    this.endLinger();
    await this.queue.flushed();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Takes no more, flushes, and closes the connections. What is not sent in time is rejected with STOPPED. Idempotent. */
  close(options: { readonly withinMs?: number } = {}): Promise<void> {
    this.closing ??= this.end(options.withinMs ?? CLOSE_WITHIN_MS);
    return this.closing;
  }

  private async end(withinMs: number): Promise<void> {
    const { clock, appender } = this.options;
    const flushed = new AbortController();
    await Promise.race([this.flush(), clock.sleep(withinMs, flushed.signal)]);
    flushed.abort();
    this.abandoned.abort();
    for (const { reject } of this.queue.removeAll()) reject(stopped());
    await appender.close();
    await this.pumping;
  }

  private encode(accepted: Accepted & { ok: true }, input: EmailJobInput): LogRecord {
    try {
      return encodeOutputs(this.options.codec, [accepted.record])[0] as LogRecord;
    } catch (error) {
      if (!isPostlaneError(error, 'LIMIT_EXCEEDED')) throw error;
      throw refused(input, 'too-large', `${error.facts.bytes} bytes; ${error.facts.bytesMax} are allowed`);
    }
  }

  private async pump(): Promise<void> {
    await this.linger();
    let retryMs = RETRY_MS_MIN;
    while (!this.queue.isEmpty) {
      const batch = this.queue.nextBatch();
      const error = await this.send(batch);
      if (error === null) {
        retryMs = RETRY_MS_MIN;
      } else if (!this.abandoned.signal.aborted) {
        await this.options.clock.sleep(retryMs, this.abandoned.signal);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
    // In the same turn as the look at the queue: whoever adds to it next starts another pump.
    this.pumping = null;
  }

  /** Leaves a first job alone for a moment: its neighbours usually follow, and one request for all is cheaper. */
  private async linger(): Promise<void> {
    const { clock, lingerMs } = this.options;
    if (this.queue.hasWholeBatch || this.closing !== null || lingerMs === 0) return;
    this.lingering = new AbortController();
    await clock.sleep(lingerMs, this.lingering.signal);
    this.lingering = null;
  }

  /** A batch is whole, or somebody waits for it. */
  private endLinger(): void {
    this.lingering?.abort();
    this.lingering = null;
  }

  /** Appends a batch and settles what can be settled; answers the error that is worth another try, or null. */
  private async send(batch: readonly Pending[]): Promise<unknown> {
    try {
      const landed = await this.options.appender.append(batch.map(({ record }) => record));
      if (this.abandoned.signal.aborted) return null;
      this.queue.remove(batch.length);
      for (const [n, { resolve }] of batch.entries()) resolve(landed[n] as Landed);
      return null;
    } catch (error) {
      if (this.abandoned.signal.aborted) return null;
      return this.giveUp(batch, error);
    }
  }

  /** Rejects those of a failed batch that are out of time, or all of them where another try changes nothing. */
  private giveUp(batch: readonly Pending[], error: unknown): unknown {
    const now = this.options.clock.now();
    const isFinal = isRefused(error);
    // Deadlines ascend, so those that are over are the first ones.
    const over = batch.filter(({ deadline }) => isFinal || deadline <= now);
    this.queue.remove(over.length);
    const topics = [...new Set(over.map(({ record }) => record.topic))];
    for (const { reject } of over) {
      reject(new PostlaneError('KAFKA_UNAVAILABLE', { what: 'publishing', topics }, { cause: error }));
    }
    if (isFinal) return null;
    this.options.onRetry(error);
    return error;
  }
}

const stopped = (): PostlaneError => new PostlaneError('STOPPED', { what: 'publishing' });

function refused(input: unknown, problem: PublishProblem, detail: string): PostlaneError {
  const id = (input as Partial<EmailJobInput> | null)?.id;
  return new PostlaneError('JOB_REFUSED', { problem, detail, ...(typeof id === 'string' ? { id } : {}) });
}

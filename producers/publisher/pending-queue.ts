import type { Millis } from '../../src/domain/time.ts';
import type { Landed, LogRecord } from '../../src/runtime/ports.ts';

/** A job that was taken and is neither acknowledged nor given up. */
export interface Pending {
  readonly record: LogRecord;
  readonly bytes: number;
  /** It is given up when no broker acknowledged it by then. */
  readonly deadline: Millis;
  readonly resolve: (landed: Landed) => void;
  readonly reject: (error: Error) => void;
}

/** What one request of a broker takes whose `max.message.bytes` is Kafka's default of 1 MB. */
const BATCH_JOBS_MAX = 500;
const BATCH_BYTES_MAX = 500_000;

/**
 * Jobs in the order in which they were taken: the buffer, from whose front batches are sent, and behind it what waits for
 * room in it. Batches leave from the front only once they are settled, so the order survives every failure.
 */
export class PendingQueue {
  private buffered: Pending[] = [];
  private waiting: Pending[] = [];
  private bufferedBytes = 0;
  private takenCount = 0;
  private leftCount = 0;
  private awaitingRoom: (() => void)[] = [];
  private awaitingFlush: { readonly count: number; readonly proceed: () => void }[] = [];
  private readonly jobsMax: number;
  private readonly bytesMax: number;

  constructor(jobsMax: number, bytesMax: number) {
    this.jobsMax = jobsMax;
    this.bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.buffered.length === 0;
  }

  get hasWholeBatch(): boolean {
    return this.buffered.length >= BATCH_JOBS_MAX || this.bufferedBytes >= BATCH_BYTES_MAX;
  }

  add(pending: Pending): void {
    this.takenCount++;
    this.waiting.push(pending);
    this.admit();
  }

  /** The next jobs to send, as many as one request takes; a larger one goes alone. They stay until they are removed. */
  nextBatch(): readonly Pending[] {
    let bytes = 0;
    let count = 0;
    for (const pending of this.buffered) {
      bytes += pending.bytes;
      if (count === BATCH_JOBS_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count++;
    }
    return this.buffered.slice(0, count);
  }

  /** Takes the first jobs out: they are settled. */
  remove(count: number): void {
    for (const { bytes } of this.buffered.splice(0, count)) this.bufferedBytes -= bytes;
    this.leftCount += count;
    this.admit();
    this.awaitingFlush = this.awaitingFlush.filter((waiter) => {
      if (waiter.count > this.leftCount) return true;
      waiter.proceed();
      return false;
    });
  }

  /** Takes everything out. */
  removeAll(): readonly Pending[] {
    const all = [...this.buffered, ...this.waiting];
    this.buffered = this.buffered.concat(this.waiting);
    this.waiting = [];
    this.remove(all.length);
    return all;
  }

  /** Settles when another job would be taken into the buffer at once. */
  async room(): Promise<void> {
    while (this.isFull()) await new Promise<void>((resolve) => this.awaitingRoom.push(resolve));
  }

  /** Settles when every job that was added so far has left. */
  flushed(): Promise<void> {
    const count = this.takenCount;
    if (this.leftCount >= count) return Promise.resolve();
    return new Promise((proceed) => this.awaitingFlush.push({ count, proceed }));
  }

  private isFull(): boolean {
    return this.waiting.length > 0 || this.buffered.length >= this.jobsMax || this.bufferedBytes >= this.bytesMax;
  }

  /** Moves what waits into the buffer as far as it fits. A job larger than the whole buffer goes alone. */
  private admit(): void {
    let admitted = 0;
    for (const pending of this.waiting) {
      const fits = this.buffered.length < this.jobsMax && this.bufferedBytes + pending.bytes <= this.bytesMax;
      if (!fits && this.buffered.length > 0) break;
      this.buffered.push(pending);
      this.bufferedBytes += pending.bytes;
      admitted++;
    }
    if (admitted > 0) this.waiting = this.waiting.slice(admitted);
    if (this.isFull()) return;
    for (const proceed of this.awaitingRoom.splice(0)) proceed();
  }
}

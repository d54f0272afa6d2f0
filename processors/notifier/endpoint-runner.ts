import type { WebhookAttempt, WebhookEndpoint, WebhookProgress } from '../../src/contracts/generated.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { type EndpointState, endpointState } from '../../src/domain/webhook-endpoint.ts';
import { webhookBody, webhookIdentity } from '../../src/domain/webhook-event.ts';
import type { DeliveryOutcome } from '../../src/webhooks/deliver.ts';
import type { Cursor, Entry } from './cursor.ts';
import type { Shared } from './ports.ts';
import * as step from './step.ts';
import { Streams } from './streams.ts';

/** After a failure of ours (broker, registry, key) it is tried again. */
const TROUBLE_MS = SECOND_MS;
/** A cursor that only passes over what nobody wants is written so seldom. */
const IDLE_WRITE_MS = 20 * SECOND_MS;

/** An event that is to be tried now. */
interface Attempt {
  readonly place: step.Place;
  readonly entry: Entry;
  /** Null: it was tried before, and waited. */
  readonly cursor: Cursor | null;
}

/**
 * Tells one endpoint what happens, in a loop of its own that shares nothing with those of other endpoints but the slots. What it
 * believes is written by whoever owns its partition (`row`); where that is lost, what came after the last row is told again.
 */
export class EndpointRunner {
  private readonly shared: Shared;
  private readonly changed: () => void;
  private endpoint: WebhookEndpoint;
  private progress: WebhookProgress;
  private readonly streams: Streams;
  private readonly underWay = new Map<string, Promise<void>>();
  private window = step.WINDOW_BEGIN;
  private changes = 0;
  private moved = false;
  private written = -1;
  private writtenAt: Millis = 0;
  private endpointChanged = true;
  private readonly stopping = new AbortController();
  private readonly aborting = new AbortController();
  private wakeUp = new AbortController();
  private readonly running: Promise<void>;

  /** `changed` is called when there is a row to be written. */
  constructor(shared: Shared, endpoint: WebhookEndpoint, progress: WebhookProgress, changed: () => void) {
    this.shared = shared;
    this.changed = changed;
    this.endpoint = endpoint;
    this.progress = progress;
    this.streams = new Streams(shared.history, endpoint, progress);
    this.running = this.run();
  }

  get state(): EndpointState {
    return endpointState(this.endpoint, this.progress);
  }

  /** Something is not written yet. */
  get isUnwritten(): boolean {
    return this.moved || this.changes !== this.written;
  }

  get waiting(): number {
    return this.progress.waiting.length;
  }

  /** Something may have to be done now. */
  readonly wake = (): void => this.wakeUp.abort();

  change(endpoint: WebhookEndpoint): void {
    this.endpoint = endpoint;
    this.endpointChanged = true;
    this.wake();
  }

  /** Looks for partitions that the results did not have before. */
  grow(): Promise<void> {
    return this.streams.grow();
  }

  /** What is to be written of it now; null where it is written, or not worth it yet. `done` is called once it is. */
  row(now: Millis): { readonly row: WebhookProgress; readonly done: () => void } | null {
    const changes = this.changes;
    if (changes === this.written && (!this.moved || now - this.writtenAt < IDLE_WRITE_MS)) return null;
    this.moved = false;
    const { cursors, replayRows: replays } = this.streams;
    const row = { ...this.progress, cursors, replays, at: now };
    const done = (): void => {
      this.written = changes;
      this.writtenAt = now;
    };
    return { row, done };
  }

  /** Begins nothing any more, and waits for what is under way; what still is after `withinMs` is cut, and told again later. */
  async stop(withinMs: Millis): Promise<void> {
    this.stopping.abort();
    this.wake();
    this.shared.slots.forget(this.wake);
    const settled = new AbortController();
    const ending = Promise.all([this.running, ...this.underWay.values()]).then(() => settled.abort());
    await this.shared.clock.sleep(withinMs, settled.signal);
    this.aborting.abort();
    await ending;
  }

  private async run(): Promise<void> {
    const { clock, telemetry } = this.shared;
    while (!this.stopping.signal.aborted) {
      const woken = new AbortController();
      this.wakeUp = woken;
      let until: Millis | null;
      try {
        until = await this.advance();
      } catch (error) {
        telemetry.log('warn', 'an endpoint cannot be told now', { endpoint: this.endpoint.endpointId, error });
        until = clock.now() + TROUBLE_MS;
      }
      if (this.stopping.signal.aborted) return;
      await clock.sleep(until === null ? Number.MAX_SAFE_INTEGER : Math.max(0, until - clock.now()), woken.signal);
    }
  }

  /** Begins what can be begun. Answers when to look again; null: when something happens. */
  private async advance(): Promise<Millis | null> {
    const { clock, slots } = this.shared;
    if (this.endpointChanged) {
      this.endpointChanged = false;
      try {
        await this.streams.follow(this.endpoint);
      } catch (error) {
        this.endpointChanged = true;
        throw error;
      }
      this.believe(step.afterResume(this.endpoint, this.progress, clock.now()));
      this.tell();
    }
    while (!this.stopping.signal.aborted) {
      const now = clock.now();
      const turn = step.turnOf(this.endpoint, this.progress, now);
      if (turn.kind === 'paused') return null;
      if (turn.kind === 'resting') return turn.until;
      if (this.underWay.size >= (turn.probing ? step.WINDOW_MIN : this.window)) return null;
      if (!slots.take(this.wake)) return null;
      let begun = false;
      try {
        const attempt = await this.nextAttempt(turn.probing, now);
        if (attempt === null) return this.soonest();
        begun = this.begin(attempt);
      } finally {
        if (!begun) slots.free();
      }
    }
    return null;
  }

  /** When the next event that waits is due. */
  private soonest(): Millis | null {
    const idle = this.progress.waiting.filter((each) => !this.underWay.has(keyOf(each)));
    return idle.length === 0 ? null : idle.reduce((least, { until }) => Math.min(least, until), Infinity);
  }

  private async nextAttempt(probing: boolean, now: Millis): Promise<Attempt | null> {
    for (;;) {
      const idle = this.progress.waiting.filter((each) => !this.underWay.has(keyOf(each)));
      const due = probing ? step.probeOf(idle) : idle.find((each) => each.until <= now);
      if (due === undefined) break;
      const entry = await this.streams.again(due);
      if (entry !== null) return { place: placeIn(due), entry, cursor: null };
      this.believe(step.afterLost(this.progress, 1, due));
      this.shared.telemetry.count('postlane_notifier_lost_total');
    }
    if (this.progress.waiting.length >= step.WAITING_MAX) return null;
    const next = await this.streams.next();
    this.noteMoves();
    const lost = this.streams.takeLost();
    if (lost > 0) {
      this.believe(step.afterLost(this.progress, lost, null));
      this.shared.telemetry.count('postlane_notifier_lost_total', {}, lost);
    }
    if (next === null) return probing ? this.anyOfWaiting() : null;
    const { cursor, entry } = next;
    return { place: { type: cursor.type, partition: cursor.partition, offset: entry.offset }, entry, cursor };
  }

  /** The endpoint refuses all that waits, and there is nothing new to ask it with. */
  private async anyOfWaiting(): Promise<Attempt | null> {
    const [oldest] = this.progress.waiting;
    const entry = oldest === undefined ? null : await this.streams.again(oldest);
    return oldest === undefined || entry === null ? null : { place: placeIn(oldest), entry, cursor: null };
  }

  private begin(attempt: Attempt): boolean {
    const key = keyOf(attempt.place);
    // A replay has come to an event that waits, or is on its way: it is told once.
    if (this.underWay.has(key)) {
      attempt.cursor?.settle(attempt.entry.offset);
      return false;
    }
    const trying = this.attempt(attempt)
      .catch((error: unknown) => {
        attempt.cursor?.giveBack(attempt.entry);
        this.shared.telemetry.log('warn', 'an event could not be signed', {
          endpoint: this.endpoint.endpointId,
          error,
        });
        return this.shared.clock.sleep(TROUBLE_MS, this.stopping.signal);
      })
      .finally(() => {
        this.underWay.delete(key);
        this.shared.slots.free();
        this.wake();
      });
    this.underWay.set(key, trying);
    return true;
  }

  private async attempt({ place, entry, cursor }: Attempt): Promise<void> {
    const { clock, deliver, sign, hash } = this.shared;
    const endpoint = this.endpoint;
    const beganAt = clock.now();
    const id = `evt_${hash(webhookIdentity(entry.result))}`;
    const body = webhookBody(entry.event, entry.result);
    const timestamp = Math.floor(beganAt / SECOND_MS);
    const signature = await sign(endpoint, { id, timestamp, body });
    const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature };
    const outcome = await deliver({ url: endpoint.url, headers, body }, this.aborting.signal);
    // Nobody knows whether it was taken: whoever tells this endpoint next tells it again.
    if (this.aborting.signal.aborted) return;
    this.settle(place, entry, { id, beganAt, outcome });
    cursor?.settle(entry.offset);
  }

  private settle(
    place: step.Place,
    { at, event, result }: Entry,
    tried: { readonly id: string; readonly beganAt: Millis; readonly outcome: DeliveryOutcome },
  ): void {
    const { clock, telemetry, jitter, retryForMs, windowMax } = this.shared;
    const { outcome, beganAt, id } = tried;
    const now = clock.now();
    const before = this.progress.waiting.find((each) => step.samePlace(each, place));
    const attempt: WebhookAttempt = {
      eventId: id,
      event,
      jobId: result.jobId,
      attempt: (before?.attempts ?? 0) + 1,
      taken: outcome.taken,
      status: outcome.status,
      failure: outcome.taken ? null : outcome.failure,
      durationMs: now - beganAt,
      at: beganAt,
    };
    this.window = step.windowAfter(this.window, outcome.taken, attempt.durationMs, windowMax);
    telemetry.count('postlane_notifier_attempts_total', { what: outcome.taken ? 'taken' : outcome.failure });
    if (outcome.taken) {
      this.believe(step.afterTaken(this.progress, place, attempt));
      telemetry.observe('postlane_notifier_delay_ms', now - at);
      return;
    }
    const { retryAfterMs, status } = outcome;
    const refusal = { place, attempt, retryAfterMs, gone: status === 410 };
    const { progress, what } = step.afterRefused(this.progress, this.endpoint, refusal, { retryForMs }, now, jitter());
    this.believe(progress);
    if (what === 'exhausted') telemetry.count('postlane_notifier_exhausted_total');
    if (what !== 'paused') return;
    const { endpointId: endpoint } = this.endpoint;
    telemetry.log('warn', 'an endpoint is paused until it is resumed', { endpoint, why: progress.pause?.reason });
  }

  private believe(progress: WebhookProgress): void {
    if (progress === this.progress) return;
    this.progress = progress;
    this.tell();
  }

  /** Cursors have passed over something: it is written with the next change, or after a while. */
  private noteMoves(): void {
    if (!this.streams.takeMoved() || this.moved) return;
    this.moved = true;
    this.changed();
  }

  private tell(): void {
    this.changes++;
    this.changed();
  }
}

const placeIn = ({ type, partition, offset }: step.Place): step.Place => ({ type, partition, offset });

const keyOf = ({ type, partition, offset }: step.Place): string => `${type}/${partition}/${offset}`;

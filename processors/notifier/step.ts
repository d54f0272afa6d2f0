import type {
  WebhookAttempt,
  WebhookCursor,
  WebhookEndpoint,
  WebhookProgress,
  WebhookWaiting,
} from '../../src/contracts/generated.ts';
import { HOUR_MS, MINUTE_MS, type Millis, SECOND_MS } from '../../src/domain/time.ts';
import { pauseOf } from '../../src/domain/webhook-endpoint.ts';

export const NAME = 'notifier';

/** Between the attempts of one event; the last repeats until `retryForMs` have passed. */
export const RETRY_DELAYS_MS: readonly Millis[] = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
];
/** After so many failures in a row, with so many events, an endpoint is left alone, and asked with one event at a time. */
const DOWN_AFTER = 5;
const DOWN_EVENTS = 3;
/** An event that was refused so often says little about the endpoint: a newer one is asked with. */
const PROBE_ATTEMPTS_MAX = 3;
const PROBE_MS_MIN = MINUTE_MS;
const PROBE_MS_MAX = 30 * MINUTE_MS;
/** Longer than this an endpoint cannot make us wait by Retry-After. */
const RETRY_AFTER_MS_MAX = HOUR_MS;
/** Delays are spread by this share to either side, so that what failed together does not come back together. */
const JITTER = 0.2;
/** Attempts that are remembered, of those that failed and of the others each. */
const ATTEMPTS_KEPT = 20;
/** Events of one endpoint that wait to be tried again at most; then no further ones are begun. */
export const WAITING_MAX = 2_000;

/** The place of a record in the results. */
export interface Place {
  readonly type: string;
  readonly partition: number;
  readonly offset: number;
}

export const samePlace = (left: Place, right: Place): boolean =>
  left.offset === right.offset && left.partition === right.partition && left.type === right.type;

/** Where an endpoint begins that was never told anything. */
export const begun = (
  { endpointId, tenant }: WebhookEndpoint,
  cursors: readonly WebhookCursor[],
  now: Millis,
): WebhookProgress => ({
  endpointId,
  tenant,
  cursors: [...cursors],
  waiting: [],
  replays: [],
  failures: 0,
  since: null,
  until: null,
  pause: null,
  attempts: [],
  delivered: 0,
  exhausted: 0,
  lost: 0,
  at: now,
});

/** Whether it is the endpoint that fails, and not an event or two. */
const isDown = ({ failures, waiting }: Pick<WebhookProgress, 'failures' | 'waiting'>): boolean =>
  failures >= DOWN_AFTER && waiting.length >= DOWN_EVENTS;

/** With which of the events that wait an endpoint is asked that is down; none where each was refused often. */
export const probeOf = (waiting: readonly WebhookWaiting[]): WebhookWaiting | undefined =>
  waiting.find(({ attempts }) => attempts < PROBE_ATTEMPTS_MAX);

export type Turn =
  | { readonly kind: 'paused' }
  | { readonly kind: 'resting'; readonly until: Millis }
  /** `probing`: one event at a time, the oldest that waits first. */
  | { readonly kind: 'open'; readonly probing: boolean };

/** Whether an endpoint may be asked now. */
export function turnOf(endpoint: WebhookEndpoint, progress: WebhookProgress, now: Millis): Turn {
  if (pauseOf(endpoint, progress) !== null) return { kind: 'paused' };
  if (progress.until !== null && progress.until > now) return { kind: 'resting', until: progress.until };
  return { kind: 'open', probing: isDown(progress) };
}

/** After a resume nothing of the past counts against the endpoint: what waits is tried at once, for as long as the first time. */
export function afterResume(endpoint: WebhookEndpoint, progress: WebhookProgress, now: Millis): WebhookProgress {
  if (progress.pause === null || progress.pause.resumes === endpoint.resumes) return progress;
  const waiting = progress.waiting.map((each) => ({ ...each, since: now, until: now, attempts: 0 }));
  return { ...progress, waiting, pause: null, failures: 0, since: null, until: null };
}

/** The endpoint took an event. */
export const afterTaken = (progress: WebhookProgress, place: Place, attempt: WebhookAttempt): WebhookProgress => ({
  ...progress,
  waiting: without(progress.waiting, place),
  failures: 0,
  since: null,
  until: null,
  delivered: progress.delivered + 1,
  attempts: remembered(progress.attempts, attempt),
});

export interface Refusal {
  readonly place: Place;
  readonly attempt: WebhookAttempt;
  /** What it asked for; null where it did not. */
  readonly retryAfterMs: Millis | null;
  /** It says that it will never take anything again. */
  readonly gone: boolean;
}

export interface RetryPolicy {
  readonly retryForMs: Millis;
}

export interface Refused {
  readonly progress: WebhookProgress;
  readonly what: 'waits' | 'exhausted' | 'paused';
}

/**
 * The endpoint did not take an event. It waits for its next attempt; is given up after a day, but only by an endpoint that takes
 * others; and where it has taken nothing for a day, the endpoint is paused and keeps what waits. `jitter` is in [0, 1).
 */
export function afterRefused(
  before: WebhookProgress,
  endpoint: WebhookEndpoint,
  { place, attempt, retryAfterMs, gone }: Refusal,
  { retryForMs }: RetryPolicy,
  now: Millis,
  jitter: number,
): Refused {
  const known = before.waiting.find((each) => samePlace(each, place));
  const attempts = (known?.attempts ?? 0) + 1;
  const since = known?.since ?? now;
  const failures = before.failures + 1;
  const failingSince = before.since ?? now;
  const isDead = now - failingSince >= retryForMs;
  const exhausted = !gone && !isDead && now - since >= retryForMs && !isDown(before);
  const until = now + spread(RETRY_DELAYS_MS[Math.min(attempts, RETRY_DELAYS_MS.length) - 1] as number, jitter);
  const waits: WebhookWaiting = { ...place, attempts, since, until: Math.round(until) };
  const others = without(before.waiting, place);
  const waiting = exhausted
    ? others
    : known
      ? before.waiting.map((each) => (each === known ? waits : each))
      : [...others, waits];
  const restMs = Math.max(
    isDown({ failures, waiting }) ? spread(probeMs(failures), jitter) : 0,
    Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX),
  );
  const pause = gone ? 'gone' : isDead ? 'dead' : null;
  const progress: WebhookProgress = {
    ...before,
    waiting,
    failures,
    since: failingSince,
    until: restMs > 0 ? Math.round(now + restMs) : null,
    pause: pause === null ? before.pause : { reason: pause, resumes: endpoint.resumes, at: now },
    attempts: remembered(before.attempts, attempt),
    exhausted: before.exhausted + (exhausted ? 1 : 0),
  };
  return { progress, what: pause !== null ? 'paused' : exhausted ? 'exhausted' : 'waits' };
}

/** The log no longer has what was to be delivered. */
export const afterLost = (progress: WebhookProgress, records: number, place: Place | null): WebhookProgress => ({
  ...progress,
  lost: progress.lost + records,
  waiting: place === null ? progress.waiting : without(progress.waiting, place),
});

/** Between two questions to an endpoint that is down. */
const probeMs = (failures: number): Millis =>
  Math.min(PROBE_MS_MAX, PROBE_MS_MIN * 2 ** Math.min(failures - DOWN_AFTER, 20));

const spread = (ms: Millis, jitter: number): Millis => ms * (1 - JITTER + 2 * JITTER * jitter);

const without = (waiting: readonly WebhookWaiting[], place: Place): WebhookWaiting[] =>
  waiting.filter((each) => !samePlace(each, place));

function remembered(before: readonly WebhookAttempt[], attempt: WebhookAttempt): WebhookAttempt[] {
  let alike = 1;
  return [attempt, ...before.filter(({ taken }) => taken !== attempt.taken || ++alike <= ATTEMPTS_KEPT)];
}

/** Deliveries to one endpoint that may be under way at once at first, and at most. */
export const WINDOW_MIN = 1;
export const WINDOW_BEGIN = 4;
const QUICK_MS = SECOND_MS;
const SLOW_MS = 5 * SECOND_MS;

/** As many at once as an endpoint answers well: one more after each quick answer, half after a slow one, one after a failure. */
export function windowAfter(window: number, taken: boolean, durationMs: Millis, max: number): number {
  if (!taken) return WINDOW_MIN;
  if (durationMs <= QUICK_MS) return Math.min(max, window + 1);
  return durationMs < SLOW_MS ? window : Math.max(WINDOW_MIN, Math.floor(window / 2));
}

import type { WebhookEndpoint, WebhookProgress } from '../contracts/generated.ts';
import { type Millis, writtenTime } from './time.ts';
import { endpointState, pauseOf, signingSecrets } from './webhook-endpoint.ts';

const timeOf = (at: Millis | null): string | null => (at === null ? null : writtenTime(at));

/** An endpoint as it may be shown: without its secrets. Times are RFC 3339. */
export const shownEndpoint = (endpoint: WebhookEndpoint, progress: WebhookProgress | undefined, now: Millis) => ({
  id: endpoint.endpointId,
  url: endpoint.url,
  description: endpoint.description,
  events: endpoint.events,
  state: endpointState(endpoint, progress),
  pause: pauseShown(endpoint, progress),
  secrets: signingSecrets(endpoint, now).map(({ until }) => ({ until: timeOf(until) })),
  createdAt: timeOf(endpoint.at),
  failures: progress?.failures ?? 0,
  failingSince: timeOf(progress?.since ?? null),
  nextAttemptAt: timeOf(progress?.until ?? null),
  waiting: progress?.waiting.length ?? 0,
  delivered: progress?.delivered ?? 0,
  exhausted: progress?.exhausted ?? 0,
  lost: progress?.lost ?? 0,
  replays: endpoint.replays.map(({ replayId, since, until, at }) => ({
    id: replayId,
    since: timeOf(since),
    until: timeOf(until),
    askedAt: timeOf(at),
    done: progress?.replays.some((each) => each.replayId === replayId && each.cursors.length === 0) ?? false,
  })),
});

function pauseShown(endpoint: WebhookEndpoint, progress: WebhookProgress | undefined) {
  const reason = pauseOf(endpoint, progress);
  if (reason === null) return null;
  return { reason, since: endpoint.paused ? null : timeOf(progress?.pause?.at ?? null) };
}

/** The last attempts of an endpoint, newest first, and what waits to be tried again. */
export const shownDeliveries = (progress: WebhookProgress | undefined) => ({
  attempts: (progress?.attempts ?? []).map(({ eventId, event, jobId, at, ...rest }) => ({
    eventId,
    event,
    emailId: jobId,
    at: timeOf(at),
    ...rest,
  })),
  waiting: (progress?.waiting.length ?? 0) as number,
  nextRetryAt: timeOf(
    progress === undefined || progress.waiting.length === 0
      ? null
      : progress.waiting.reduce((least, { until }) => Math.min(least, until), Infinity),
  ),
});

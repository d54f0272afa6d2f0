import type { WebhookEndpoint, WebhookProgress, WebhookSecret } from '../contracts/generated.ts';
import { HOUR_MS, type Millis } from './time.ts';

/** Of one tenant. */
export const ENDPOINTS_MAX = 50;
export const URL_LENGTH_MAX = 2_048;
export const DESCRIPTION_LENGTH_MAX = 256;
/** Replays that are remembered; so many may be asked for while none of them is done. */
export const REPLAYS_MAX = 10;
/** Old secrets that go on signing beside a new one. */
const SECRETS_KEPT = 2;
/** How long an old secret goes on signing unless told otherwise. */
export const SECRET_GRACE_MS = 24 * HOUR_MS;

/** What an endpoint is made of. */
export interface NewEndpoint {
  readonly endpointId: string;
  readonly tenant: string;
  readonly url: string;
  readonly description: string;
  /** Empty: all. */
  readonly events: readonly string[];
  readonly sealed: Buffer;
}

export const newEndpoint = ({ sealed, events, ...rest }: NewEndpoint, now: Millis): WebhookEndpoint => ({
  ...rest,
  events: [...new Set(events)],
  secrets: [{ sealed, until: null }],
  paused: false,
  resumes: 0,
  replays: [],
  at: now,
});

/** The secrets that sign at a time, newest first. */
export const signingSecrets = ({ secrets }: WebhookEndpoint, now: Millis): readonly WebhookSecret[] =>
  secrets.filter(({ until }) => until === null || now < until);

/** The endpoint with another secret. The old ones go on signing beside it until `until`. */
export const withSecret = (endpoint: WebhookEndpoint, sealed: Buffer, until: Millis, now: Millis): WebhookEndpoint => ({
  ...endpoint,
  secrets: [
    { sealed, until: null },
    ...signingSecrets(endpoint, now)
      .slice(0, SECRETS_KEPT)
      .map((secret) => ({ ...secret, until: Math.min(secret.until ?? until, until) })),
  ],
});

export const pausedByOwner = (endpoint: WebhookEndpoint): WebhookEndpoint => ({ ...endpoint, paused: true });

/** Ends a pause, whoever made it. */
export const resumed = (endpoint: WebhookEndpoint): WebhookEndpoint => ({
  ...endpoint,
  paused: false,
  resumes: endpoint.resumes + 1,
});

/** What was recorded in [since, until) is to be delivered once more. */
export const withReplay = (
  endpoint: WebhookEndpoint,
  replay: { readonly replayId: string; readonly since: Millis; readonly until: Millis },
  now: Millis,
): WebhookEndpoint => ({
  ...endpoint,
  replays: [{ ...replay, at: now }, ...endpoint.replays].slice(0, REPLAYS_MAX),
});

/** Replays that are asked for and not done. */
export const openReplays = (endpoint: WebhookEndpoint, progress: WebhookProgress | undefined): number => {
  const done = new Set(
    (progress?.replays ?? []).filter(({ cursors }) => cursors.length === 0).map(({ replayId }) => replayId),
  );
  return endpoint.replays.filter(({ replayId }) => !done.has(replayId)).length;
};

/** `failing`: attempts fail, and are made ever more seldom. */
export type EndpointState = 'active' | 'failing' | 'paused';

/** Why an endpoint is paused: by its owner, or by us since it was dead or gone; null where it is not. */
export function pauseOf(endpoint: WebhookEndpoint, progress: WebhookProgress | undefined): string | null {
  if (endpoint.paused) return 'asked for';
  const pause = progress?.pause ?? null;
  return pause !== null && pause.resumes === endpoint.resumes ? pause.reason : null;
}

export function endpointState(endpoint: WebhookEndpoint, progress: WebhookProgress | undefined): EndpointState {
  if (pauseOf(endpoint, progress) !== null) return 'paused';
  return (progress?.failures ?? 0) > 0 ? 'failing' : 'active';
}

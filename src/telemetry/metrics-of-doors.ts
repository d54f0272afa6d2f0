import { counter, DURATION_BUCKETS_MS, gauge, histogram, type MetricDeclaration } from './metric.ts';

const HTTP = [
  counter(
    'postlane_http_requests_total',
    ['operation', 'status'],
    'Requests to the HTTP API by what was asked and how it was answered. Worry about any 500, and when 503 keeps growing.',
  ),
  histogram(
    'postlane_http_duration_ms',
    ['operation'],
    DURATION_BUCKETS_MS,
    'From the request to the end of its answer. Worry when the 99th percentile of sendEmail passes 100: the broker is slow.',
  ),
  counter(
    'postlane_http_mails_total',
    ['what'],
    'Mails handed in over HTTP: accepted, refused, or repeated under an idempotency key. Worry when refused grows against accepted.',
  ),
  counter(
    'postlane_http_unavailable_total',
    [],
    'Requests that the log did not take in time; each was answered with 503. Worry about any that are not explained by a broker restart.',
  ),
];

const SUBMISSION = [
  counter(
    'postlane_submission_mails_total',
    ['what'],
    'Mails handed in by SMTP: accepted and repeated count recipients; refused, not-kept count mails. Worry about not-kept (the broker is away), and when refused grows against accepted.',
  ),
  counter(
    'postlane_submission_refusals_total',
    ['what'],
    'What SMTP clients were refused before a mail was read. Worry about no-room and too-many-connections; login is somebody with a wrong or revoked key; admission is a key over its rate.',
  ),
];

const FEEDBACK = [
  counter(
    'postlane_inbound_mails_total',
    ['what'],
    'Mails to return paths by what became of them. Worry about not-kept (the broker is away) and no-room; unknown-recipient is mostly spam.',
  ),
  counter(
    'postlane_webhooks_total',
    ['route', 'what'],
    'Calls of providers by how they were judged: taken, repeated, or why they were refused. Worry when a route of yours has more refused than taken: a secret has changed, or somebody forges.',
  ),
  counter(
    'postlane_unsubscribe_total',
    ['what'],
    'Unsubscribe links that were followed: shown, one-click, page:type and page:all (kept), repeated, and what was refused. Worry about not-kept (the broker is away), and where unknown-link passes a few: the key has changed, or links are cut off.',
  ),
  counter(
    'postlane_mail_views_total',
    ['what'],
    'Mails that were looked at in a browser: shown, or why not. Worry when gone grows (a template was purged while people still read its mails), and when unknown-link passes a few: the key has changed, or links are cut off.',
  ),
];

const NOTIFIER = [
  counter(
    'postlane_notifier_attempts_total',
    ['what'],
    'Attempts to tell an endpoint: taken, or why not. Worry when `forbidden` grows (somebody points endpoints inwards), and when nothing is taken at all.',
  ),
  histogram(
    'postlane_notifier_delay_ms',
    [],
    [...DURATION_BUCKETS_MS, 300_000, 3_600_000, 86_400_000],
    'From an event to its being taken by an endpoint, retries and pauses included. Worry when the median passes 2000.',
  ),
  gauge(
    'postlane_notifier_endpoints',
    ['state'],
    'Endpoints of this process: active, failing, paused. Worry when most fail at once: the way out is shut.',
  ),
  gauge(
    'postlane_notifier_waiting',
    [],
    'Events that an endpoint did not take and that are tried again, at most 2000 per endpoint. Worry when it grows while no endpoint is paused.',
  ),
  gauge(
    'postlane_notifier_under_way',
    [],
    'Deliveries under way. Worry when it stays at notifier.in_flight_max: endpoints wait for each other.',
  ),
  counter(
    'postlane_notifier_exhausted_total',
    [],
    'Events given up after a day of attempts, by endpoints that took others; they can be replayed. Worry when it grows: a customer misses events.',
  ),
  counter(
    'postlane_notifier_lost_total',
    [],
    'Results that the log no longer had when it was an endpoint’s turn: it was paused for longer than results are kept. Worry about any: nobody can replay them.',
  ),
];

const TRACKER = [
  gauge(
    'postlane_trails',
    [],
    'Mails of which this process can tell what became of them. Worry when it shrinks faster than they grow old.',
  ),
];

/** Where mails come in and answers go out. */
export const DOOR_METRICS: readonly MetricDeclaration[] = [
  ...HTTP,
  ...SUBMISSION,
  ...FEEDBACK,
  ...NOTIFIER,
  ...TRACKER,
];

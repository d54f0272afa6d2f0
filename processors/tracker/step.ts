import type { DeliveryResult, EmailJob } from '../../src/contracts/generated.ts';
import { isEmailType } from '../../src/domain/job.ts';
import type { Millis } from '../../src/domain/time.ts';
import { hasEnded, TRAIL_STATES, type Trail, type TrailEvent, type TrailState } from '../../src/domain/trail.ts';

/** Events that a trail keeps: the first and the newest. A row must not grow with every retry. */
export const EVENTS_MAX = 40;

const typeOf = (type: string): Trail['type'] => (isEmailType(type) ? type : 'unknown');

/**
 * Folds an accepted job into its trail. What results said before stays: the two topics are read beside each other. A job
 * that was appended twice under one id was accepted when it first came.
 */
export function foldAccepted(trail: Trail | null, job: EmailJob, appendedAt: Millis): Trail {
  if (trail !== null && trail.acceptedAt !== null && trail.acceptedAt <= appendedAt) return trail;
  return {
    id: job.id,
    tenant: job.tenant,
    type: typeOf(job.type),
    recipient: job.recipient,
    campaign: job.campaign,
    tags: job.tags,
    metadata: job.metadata,
    acceptedAt: appendedAt,
    sendAt: job.sendAt,
    expiresAt: job.expiresAt,
    state: trail?.state ?? 'accepted',
    events: trail?.events ?? [],
    eventsLeftOut: trail?.eventsLeftOut ?? 0,
  };
}

/** Folds a result into its trail. The first ending holds; the same result again changes nothing. */
export function foldResult(trail: Trail | null, result: DeliveryResult): Trail {
  const before = trail ?? begunBy(result);
  const event = eventOf(result);
  const text = JSON.stringify(event);
  if (before.events.some((each) => each.at === event.at && JSON.stringify(each) === text)) return before;
  const events = [...before.events, event].sort((left, right) => left.at - right.at);
  const tooMany = events.length > EVENTS_MAX;
  return {
    ...before,
    state: stateAfter(before, event),
    events: tooMany ? events.toSpliced(EVENTS_MAX / 2, 1) : events,
    eventsLeftOut: before.eventsLeftOut + (tooMany ? 1 : 0),
  };
}

function stateAfter(before: Trail, { kind, ending }: TrailEvent): TrailState {
  if (hasEnded(before)) return before.state;
  if (kind === 'attempt') return 'deferred';
  if (kind !== 'ending') return before.state;
  return TRAIL_STATES.find((state) => state === ending) ?? 'unknown';
}

const begunBy = (result: DeliveryResult): Trail => ({
  id: result.jobId,
  tenant: result.tenant,
  type: typeOf(result.type),
  recipient: result.recipient,
  campaign: result.campaign,
  tags: result.tags,
  metadata: result.metadata,
  acceptedAt: null,
  sendAt: null,
  expiresAt: null,
  state: 'accepted',
  events: [],
  eventsLeftOut: 0,
});

const eventOf = (result: DeliveryResult): TrailEvent => ({
  kind: result.kind,
  at: result.at,
  attempt: result.attempt,
  ending: result.ending,
  annotation: result.annotation,
  source: result.source,
  site: result.site,
  smtpCode: result.smtpCode,
  enhancedCode: result.enhancedCode,
  reply: result.reply,
  class: result.class,
  reason: result.reason,
  messageId: result.messageId,
  uncertain: result.uncertain,
  until: result.until,
});

/** When a mail came in, for the order of lists: every replica must give the same answer once it has read the same. */
export const orderOf = ({ acceptedAt, events }: Trail): Millis => acceptedAt ?? events[0]?.at ?? 0;

/** The newest thing known of a mail: how long it is kept counts from there. */
export const lastOf = (trail: Trail): Millis =>
  Math.max(orderOf(trail), trail.sendAt ?? 0, trail.events.at(-1)?.at ?? 0);

/** What a list may be asked by; parts with their lengths, so that no two lists have one name. */
const indexName = (tenant: string, kind: string, value: string): string =>
  `${tenant.length} ${tenant} ${kind} ${value}`;

export const indexes = {
  all: (tenant: string) => indexName(tenant, 'all', ''),
  recipient: (tenant: string, recipient: string) => indexName(tenant, 'recipient', recipient.toLowerCase()),
  tag: (tenant: string, tag: string) => indexName(tenant, 'tag', tag),
  campaign: (tenant: string, campaign: string) => indexName(tenant, 'campaign', campaign),
  state: (tenant: string, state: TrailState) => indexName(tenant, 'state', state),
} as const;

/** The lists that a mail is in. */
export const indexesOf = ({ tenant, recipient, tags, campaign, state }: Trail): readonly string[] => [
  indexes.all(tenant),
  indexes.recipient(tenant, recipient),
  ...new Set(tags.map((tag) => indexes.tag(tenant, tag))),
  ...(campaign === null ? [] : [indexes.campaign(tenant, campaign)]),
  indexes.state(tenant, state),
];

/** What a trail is kept under. */
export const trailKey = (tenant: string, id: string): string => `${tenant.length} ${tenant} ${id}`;

/** How trails lie in their store. */
export const layout = { indexesOf, orderOf, lastOf };

import type { Cancellation } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { type Millis, SECOND_MS, writtenTime } from '../../src/domain/time.ts';
import { hasEnded, type Trail, type TrailEvent, type TrailFilter, waitingOf } from '../../src/domain/trail.ts';
import { type HttpReply, problemReply, type Route, reply } from '../../src/http/route.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock } from '../../src/runtime/ports.ts';
import type { Trails } from '../../src/runtime/trails-port.ts';
import type { Appender } from './intake.ts';
import { ID_PARAMS, LIST_QUERY } from './trail-schemas.ts';

export interface TrailParts {
  readonly trails: Trails;
  readonly cancellationOf: (id: string) => Cancellation | undefined;
  readonly appender: Appender;
  readonly codec: Codec;
  readonly clock: Clock;
}

/** A mail that is not known yet is waited for so long: its 202 may be older than what we have read. */
const CURRENT_MS_MAX = 3 * SECOND_MS;
const NOT_CURRENT_RETRY_MS = SECOND_MS;
const PAGE_DEFAULT = 25;

/** What became of mails, and calling them back. */
export function trailRoutes(parts: TrailParts): readonly Route<Caller>[] {
  const get: Route<Caller> = {
    method: 'GET',
    path: '/v1/emails/{id}',
    operationId: 'getEmail',
    summary: 'What became of a mail',
    description:
      'From its acceptance over every attempt, with the server’s reply, to its ending and what was heard later; and what it ' +
      'waits for. A mail that was answered with 202 is found at once, whichever instance is asked.',
    tag: 'emails',
    scope: 'emails:read',
    params: ID_PARAMS,
    responses: { 200: { description: 'The mail’s trail.', schema: { $ref: 'Trail' } } },
    problems: ['not-found', 'not-current'],
    async handle({ caller, params }) {
      const found = await lookUp(parts, caller.tenant, params.id as string);
      return 'status' in found ? found : reply(200, shownTrail(found.trail, parts));
    },
  };
  const list: Route<Caller> = {
    method: 'GET',
    path: '/v1/emails',
    operationId: 'listEmails',
    summary: 'Look for mails',
    description:
      'Newest first; all that is given must hold. A page may have fewer mails than asked for, or none, and still be followed ' +
      'by another: `next` says so.',
    tag: 'emails',
    scope: 'emails:read',
    query: LIST_QUERY,
    responses: { 200: { description: 'A page of mails, without their events.', schema: { $ref: 'TrailPage' } } },
    problems: [],
    async handle({ caller, query }) {
      const {
        limit = PAGE_DEFAULT,
        cursor = null,
        ...filter
      } = query as TrailFilter & { limit?: number; cursor?: string };
      const page = parts.trails.list(caller.tenant, filter, limit, cursor);
      if (page === null)
        return problemReply('invalid-field', { field: '/cursor', detail: 'query: is no cursor of ours' });
      const emails = page.trails.map((trail) => shownSummary(trail, parts));
      return reply(200, { emails, next: page.next });
    },
  };
  return [get, list, cancelRoute(parts)];
}

function cancelRoute(parts: TrailParts): Route<Caller> {
  return {
    method: 'POST',
    path: '/v1/emails/{id}/cancel',
    operationId: 'cancelEmail',
    summary: 'Call a mail back',
    description:
      'Records that a mail is no longer wanted. It is looked up just before the mail would be sent: the answer is `requested` ' +
      'until the ending `cancelled` has been committed, and a mail that is on its way already goes out. Asking again is harmless.',
    tag: 'emails',
    scope: 'emails:cancel',
    params: ID_PARAMS,
    responses: {
      200: { description: 'It is cancelled.', schema: { $ref: 'Cancelled' } },
      202: { description: 'The request is recorded.', schema: { $ref: 'Cancelled' } },
    },
    problems: ['not-found', 'not-current', 'too-late', 'unavailable'],
    async handle({ caller, params }) {
      const found = await lookUp(parts, caller.tenant, params.id as string);
      if ('status' in found) return found;
      const { id, state } = found.trail;
      if (state === 'cancelled') return reply(200, { id, cancellation: 'cancelled' });
      if (hasEnded(found.trail)) return problemReply('too-late', { detail: `it has ended: ${state}`, state });
      const requested = { id, cancellation: 'requested' };
      if (cancellationOf(found.trail, parts) === null && !(await append(parts, caller, id))) {
        return problemReply('unavailable', {}, { retryAfterMs: 2 * SECOND_MS });
      }
      return reply(202, requested);
    },
  };
}

/** False where the log did not take it. */
async function append({ appender, codec, clock }: TrailParts, { tenant, keyId }: Caller, id: string): Promise<boolean> {
  const topic = topics.cancellations;
  const cancellation: Cancellation = { jobId: id, tenant, who: keyId, why: 'asked for over HTTP', at: clock.now() };
  try {
    await appender.append([{ topic: topic.name, key: id, value: codec.encode(topic, cancellation) }]);
    return true;
  } catch {
    return false;
  }
}

/** The trail; or the answer that there is none, which is given only when that is certain. */
async function lookUp(parts: TrailParts, tenant: string, id: string): Promise<{ readonly trail: Trail } | HttpReply> {
  const found = await parts.trails.await(tenant, id, CURRENT_MS_MAX);
  if (found === 'unsure') return problemReply('not-current', {}, { retryAfterMs: NOT_CURRENT_RETRY_MS });
  return found === null ? problemReply('not-found', { detail: 'no such mail' }) : { trail: found };
}

const timeOf = (at: Millis | null): string | null => (at === null ? null : writtenTime(at));

/** Whether somebody asked for it to be called back, and how that went. */
function cancellationOf(trail: Trail, parts: TrailParts): 'requested' | 'cancelled' | 'too-late' | null {
  if (trail.state === 'cancelled') return 'cancelled';
  const asked = parts.cancellationOf(trail.id);
  if (asked === undefined || asked.tenant !== trail.tenant) return null;
  return hasEnded(trail) ? 'too-late' : 'requested';
}

function shownSummary(trail: Trail, parts: TrailParts) {
  const waiting = waitingOf(trail, parts.clock.now());
  return {
    id: trail.id,
    type: trail.type,
    recipient: trail.recipient,
    state: trail.state,
    acceptedAt: timeOf(trail.acceptedAt),
    sendAt: timeOf(trail.sendAt),
    expiresAt: timeOf(trail.expiresAt),
    campaign: trail.campaign,
    tags: trail.tags,
    metadata: Object.fromEntries(trail.metadata.map(({ name, value }) => [name, value])),
    waiting: waiting && { ...waiting, until: timeOf(waiting.until) },
    cancellation: cancellationOf(trail, parts),
  };
}

const shownTrail = (trail: Trail, parts: TrailParts) => ({
  ...shownSummary(trail, parts),
  events: trail.events.map(shownEvent),
  eventsLeftOut: trail.eventsLeftOut,
});

const shownEvent = ({ at, until, ...event }: TrailEvent) => ({ ...event, at: timeOf(at), until: timeOf(until) });

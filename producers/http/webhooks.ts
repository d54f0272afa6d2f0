import type { WebhookEndpoint } from '../../src/contracts/generated.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { HOUR_MS, type Millis } from '../../src/domain/time.ts';
import {
  newEndpoint,
  openReplays,
  pausedByOwner,
  REPLAYS_MAX,
  resumed,
  SECRET_GRACE_MS,
  withReplay,
  withSecret,
} from '../../src/domain/webhook-endpoint.ts';
import { shownDeliveries, shownEndpoint } from '../../src/domain/webhook-view.ts';
import { type HttpReply, linksBy, problemReply, type Route, reply } from '../../src/http/route.ts';
import { type Found, WebhookEndpoints, type WebhookParts } from './webhook-endpoints.ts';
import * as schemas from './webhook-schemas.ts';

/** Whatever fits the schemas, also where every character of it is escaped. */
const BODY_BYTES_MAX = 32 * 1_024;

interface Written {
  readonly url?: string;
  readonly events?: readonly string[];
  readonly description?: string;
}

/** The routes and what they share. */
interface Context {
  readonly parts: WebhookParts;
  readonly endpoints: WebhookEndpoints;
}

/** Where customers say whom to tell what became of their mails. */
export function webhookRoutes(parts: WebhookParts): readonly Route<Caller>[] {
  const context = { parts, endpoints: new WebhookEndpoints(parts) };
  return [
    createRoute(context),
    listRoute(context),
    getRoute(context),
    updateRoute(context),
    rotateRoute(context),
    pauseRoute(context),
    resumeRoute(context),
    replayRoute(context),
    deliveriesRoute(context),
    removeRoute(context),
  ];
}

/** What can be done with an endpoint. */
const OF_ONE = [
  'getWebhook',
  'updateWebhook',
  'rotateWebhookSecret',
  'pauseWebhook',
  'resumeWebhook',
  'replayWebhook',
  'listWebhookDeliveries',
  'deleteWebhook',
];

type Common = Pick<Route<Caller>, 'tag' | 'scope' | 'params' | 'problems'>;
const ONE: Common = {
  tag: 'webhooks',
  scope: 'webhooks:write',
  params: schemas.ENDPOINT_PARAMS,
  problems: ['not-found', 'not-current', 'unavailable'],
};
const READ_ONE: Common = { ...ONE, scope: 'webhooks:read', problems: ['not-found', 'not-current'] };
const body = (schema: Readonly<Record<string, unknown>>) =>
  ({ contentType: 'application/json', schema, bytesMax: BODY_BYTES_MAX }) as const;
const answers = (status: number, description: string, name: string) => ({
  [status]: { description, schema: { $ref: name } },
});

const shown = ({ rows, clock }: WebhookParts, endpoint: WebhookEndpoint) =>
  shownEndpoint(endpoint, rows.progressOf(endpoint.endpointId), clock.now());

/** The answer to what was asked, or why it could not be done. */
const answered = (parts: WebhookParts, found: Found, status: number, more: object = {}): HttpReply =>
  'endpoint' in found ? reply(status, { ...shown(parts, found.endpoint), ...more }) : found;

/** The answer that refuses a URL; null for one that is good. */
async function urlFault(parts: WebhookParts, url: string | undefined): Promise<HttpReply | null> {
  const detail = url === undefined ? null : await parts.urlProblem(url);
  return detail === null ? null : problemReply('invalid-field', { field: '/url', detail });
}

const createRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'POST',
  path: '/v1/webhooks',
  operationId: 'createWebhook',
  summary: 'Be told what becomes of mails',
  description:
    'Makes an endpoint: whatever is recorded of the tenant’s mails from now on is posted to it, signed as Standard Webhooks ' +
    'says. The secret is in this answer and in no other.',
  params: undefined,
  body: body(schemas.CREATE),
  responses: {
    201: {
      description: 'It is made.',
      schema: { $ref: 'WebhookWithSecret' },
      links: linksBy('id', '$response.body#/id', ...OF_ONE),
    },
  },
  problems: ['limit-reached', 'not-current', 'unavailable'],
  async handle({ caller: { tenant }, body: asked }) {
    const { url = '', events = [], description = '' } = asked as Written;
    const fault = await urlFault(parts, url);
    if (fault !== null) return fault;
    let shownOnce = '';
    const made = await endpoints.create(tenant, async () => {
      const endpointId = parts.newEndpointId();
      const { secret, sealed } = await parts.newSecret(endpointId);
      shownOnce = secret;
      return newEndpoint({ endpointId, tenant, url, events, description, sealed }, parts.clock.now());
    });
    return answered(parts, made, 201, { secret: shownOnce });
  },
});

const listRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...READ_ONE,
  method: 'GET',
  path: '/v1/webhooks',
  operationId: 'listWebhooks',
  summary: 'The endpoints',
  description: 'All endpoints of the tenant, oldest first.',
  params: undefined,
  responses: answers(200, 'The endpoints.', 'WebhookList'),
  problems: ['not-current'],
  async handle({ caller }) {
    const found = await endpoints.list(caller.tenant);
    return 'status' in found ? found : reply(200, { webhooks: found.map((endpoint) => shown(parts, endpoint)) });
  },
});

const getRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...READ_ONE,
  method: 'GET',
  path: '/v1/webhooks/{id}',
  operationId: 'getWebhook',
  summary: 'An endpoint and how it does',
  description: 'Whether it takes what it is told, since when not, and what waits.',
  responses: answers(200, 'The endpoint.', 'Webhook'),
  async handle({ caller, params }) {
    return answered(parts, await endpoints.find(caller.tenant, params.id as string), 200);
  },
});

const updateRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'PATCH',
  path: '/v1/webhooks/{id}',
  operationId: 'updateWebhook',
  summary: 'Change an endpoint',
  description: 'Changes what is given and leaves the rest. What is not delivered yet goes to where it says now.',
  body: body(schemas.UPDATE),
  responses: answers(200, 'As it is now.', 'Webhook'),
  async handle({ caller, params, body: asked }) {
    const { url, events, description } = asked as Written;
    const fault = await urlFault(parts, url);
    if (fault !== null) return fault;
    const changed = await endpoints.change(caller.tenant, params.id as string, (endpoint) => ({
      ...endpoint,
      url: url ?? endpoint.url,
      events: events === undefined ? endpoint.events : [...new Set(events)],
      description: description ?? endpoint.description,
    }));
    return answered(parts, changed, 200);
  },
});

const rotateRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'POST',
  path: '/v1/webhooks/{id}/rotate-secret',
  operationId: 'rotateWebhookSecret',
  summary: 'Give an endpoint a new secret',
  description: 'The old secret goes on signing beside the new one for a while, so that no event is refused in between.',
  body: body(schemas.ROTATE),
  responses: answers(200, 'The new secret is in this answer and in no other.', 'WebhookWithSecret'),
  async handle({ caller, params, body: asked }) {
    const { graceHours } = asked as { readonly graceHours?: number };
    let shownOnce = '';
    const changed = await endpoints.change(caller.tenant, params.id as string, async (endpoint) => {
      const { secret, sealed } = await parts.newSecret(endpoint.endpointId);
      shownOnce = secret;
      const now = parts.clock.now();
      const graceMs = graceHours === undefined ? SECRET_GRACE_MS : Math.round(graceHours * HOUR_MS);
      return withSecret(endpoint, sealed, now + graceMs, now);
    });
    return answered(parts, changed, 200, { secret: shownOnce });
  },
});

const pauseRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'POST',
  path: '/v1/webhooks/{id}/pause',
  operationId: 'pauseWebhook',
  summary: 'Tell an endpoint nothing for now',
  description: 'What happens meanwhile is delivered once it is resumed, for as long as results are kept (30 days).',
  responses: answers(200, 'It is paused.', 'Webhook'),
  async handle({ caller, params }) {
    return answered(parts, await endpoints.change(caller.tenant, params.id as string, pausedByOwner), 200);
  },
});

const resumeRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'POST',
  path: '/v1/webhooks/{id}/resume',
  operationId: 'resumeWebhook',
  summary: 'Tell an endpoint again',
  description: 'Ends a pause, whoever made it: everything that was not delivered is, beginning at once.',
  responses: answers(200, 'It is resumed.', 'Webhook'),
  async handle({ caller, params }) {
    return answered(parts, await endpoints.change(caller.tenant, params.id as string, resumed), 200);
  },
});

const momentOf = (given: string | number): Millis => (typeof given === 'number' ? given : Date.parse(given));

const replayRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'POST',
  path: '/v1/webhooks/{id}/replay',
  operationId: 'replayWebhook',
  summary: 'Tell an endpoint once more',
  description:
    'Delivers everything again that was recorded in a range of time and that the endpoint wants now, beside what happens. ' +
    'Events keep their ids. The range reaches back as far as results are kept (30 days).',
  body: body(schemas.REPLAY),
  responses: answers(202, 'It is asked for.', 'WebhookReplay'),
  problems: [...ONE.problems, 'limit-reached'],
  async handle({ caller, params, body: asked }) {
    const now = parts.clock.now();
    const { since, until = now } = asked as { readonly since: string | number; readonly until?: string | number };
    const range = { since: momentOf(since), until: Math.min(momentOf(until), now) };
    if (!(range.since < range.until)) {
      return problemReply('invalid-field', { field: '/since', detail: 'must lie before until, and in the past' });
    }
    const replayId = parts.newReplayId();
    const changed = await endpoints.change(caller.tenant, params.id as string, (endpoint) =>
      openReplays(endpoint, parts.rows.progressOf(endpoint.endpointId)) >= REPLAYS_MAX
        ? problemReply('limit-reached', { detail: `${REPLAYS_MAX} replays are under way` })
        : withReplay(endpoint, { replayId, ...range }, now),
    );
    if (!('endpoint' in changed)) return changed;
    return reply(202, shown(parts, changed.endpoint).replays[0]);
  },
});

const deliveriesRoute = ({ parts, endpoints }: Context): Route<Caller> => ({
  ...READ_ONE,
  method: 'GET',
  path: '/v1/webhooks/{id}/deliveries',
  operationId: 'listWebhookDeliveries',
  summary: 'The last attempts to tell an endpoint',
  description: 'With status, duration and why an attempt failed; and how much waits to be tried again.',
  responses: answers(200, 'The attempts, newest first.', 'WebhookDeliveries'),
  async handle({ caller, params }) {
    const found = await endpoints.find(caller.tenant, params.id as string);
    return 'endpoint' in found ? reply(200, shownDeliveries(parts.rows.progressOf(found.endpoint.endpointId))) : found;
  },
});

const removeRoute = ({ endpoints }: Context): Route<Caller> => ({
  ...ONE,
  method: 'DELETE',
  path: '/v1/webhooks/{id}',
  operationId: 'deleteWebhook',
  summary: 'Never tell an endpoint again',
  description: 'Forgets the endpoint, its secrets and what waits for it.',
  responses: { 204: { description: 'It is deleted.' } },
  async handle({ caller, params }) {
    const found = await endpoints.remove(caller.tenant, params.id as string);
    return 'endpoint' in found ? reply(204) : found;
  },
});

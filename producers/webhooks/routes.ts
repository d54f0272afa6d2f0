import type { Feedback } from '../../src/contracts/generated.ts';
import { FEEDBACK_BODY_BYTES_MAX } from '../../src/domain/feedback/bounds.ts';
import { type HttpReply, type HttpRequest, problemReply, type Route, reply } from '../../src/http/route.ts';
import type { AnswerStore } from '../../src/limits/answer-store.ts';
import type { Clock, Telemetry } from '../../src/runtime/ports.ts';
import type { Output } from '../../src/runtime/processor.ts';
import { accept, statusOf, type Verdict } from './accept.ts';
import type { Certificates } from './certificates.ts';
import type { Deliveries } from './deliveries.ts';
import { cryptography } from './proofs.ts';
import type { Refusal, RouteKeys } from './request.ts';

export interface WebhookParts {
  /** As their secrets are now. */
  readonly routes: () => readonly RouteKeys[];
  readonly certificates: Pick<Certificates, 'keyOf' | 'fetch'>;
  readonly deliveries: Deliveries;
  /** Who keeps what just now, or did lately: of all processes where they have a Redis, else of this one. */
  readonly answers: AnswerStore;
  /** Settles when the record is replicated. */
  readonly append: (record: Output<Feedback>) => Promise<void>;
  /** Asks for a URL of SNS's that confirms a subscription. */
  readonly confirm: (url: string) => Promise<unknown>;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'count' | 'log'>;
}

const RETRY_MS = 5_000;

/** `POST /v1/webhooks/{route}`: where providers tell us what became of mails. */
export function webhookRoutes(parts: WebhookParts): Route<null>[] {
  return [
    {
      method: 'POST',
      path: '/v1/webhooks/{route}',
      operationId: 'takeWebhook',
      summary: 'A provider tells what became of mails',
      description:
        'Verified by the signature of the provider over the bytes as they came. Answered with success only once they are kept; ' +
        'the same delivery again is answered alike, and kept once.',
      tag: 'webhooks',
      scope: null,
      params: { type: 'object', properties: { route: { type: 'string', maxLength: 63 } }, required: ['route'] },
      body: { contentType: '*/*', schema: {}, bytesMax: FEEDBACK_BODY_BYTES_MAX },
      responses: { 200: { description: 'Kept, or kept before.' } },
      problems: ['unauthorized', 'malformed-body', 'not-found', 'unavailable'],
      handle: async (request) => {
        const route = parts.routes().find(({ name }) => name === request.params.route);
        return route === undefined ? problemReply('not-found') : handle(request, route, parts);
      },
    },
  ];
}

async function handle(request: HttpRequest<null>, route: RouteKeys, parts: WebhookParts): Promise<HttpReply> {
  let verdict = judge(request, route, parts);
  if (verdict.kind === 'needs-certificate') {
    if (!(await parts.certificates.fetch(verdict.url))) return busy(parts, route.name);
    verdict = judge(request, route, parts);
  }
  const tell = (what: string): void => parts.telemetry.count('postlane_webhooks_total', { route: route.name, what });
  switch (verdict.kind) {
    case 'taken':
      return keep(verdict, route, parts);
    case 'confirm':
      return confirm(verdict.url, route, parts);
    case 'needs-certificate':
      return busy(parts, route.name);
    case 'refused':
      return refusal(verdict.why, route.name, parts);
    default:
      tell(verdict.kind);
      return reply(200);
  }
}

function judge(
  { header, body }: HttpRequest<null>,
  route: RouteKeys,
  { certificates, deliveries, clock }: WebhookParts,
): Verdict {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const proofs = {
    ...cryptography,
    certificateKey: (url: string) => certificates.keyOf(url),
    known: (id: string) => deliveries.known(id),
  };
  return accept({ header, body: bytes }, route, proofs, clock.now());
}

async function keep(
  verdict: Extract<Verdict, { kind: 'taken' }>,
  { name }: RouteKeys,
  parts: WebhookParts,
): Promise<HttpReply> {
  const { answers, telemetry } = parts;
  const key = `webhook ${verdict.id}`;
  const claim = await answers.claim(key, verdict.content);
  switch (claim.kind) {
    case 'answered':
      telemetry.count('postlane_webhooks_total', { route: name, what: 'repeated' });
      return reply(200);
    case 'other':
      return refusal('token-reused', name, parts);
    case 'in-flight':
      return busy(parts, name);
  }
  try {
    await parts.append(verdict.record);
    await answers.keep(key, verdict.content, claim.token);
  } catch (error) {
    await answers.release(key, verdict.content, claim.token);
    telemetry.count('postlane_webhooks_total', { route: name, what: 'not-kept' });
    telemetry.log('warn', 'a webhook could not be kept', { route: name, error });
    return problemReply('unavailable', {}, { retryAfterMs: RETRY_MS });
  }
  telemetry.count('postlane_webhooks_total', { route: name, what: 'taken' });
  return reply(200);
}

async function confirm(url: string, { name }: RouteKeys, { telemetry, ...parts }: WebhookParts): Promise<HttpReply> {
  try {
    await parts.confirm(url);
  } catch (error) {
    telemetry.log('warn', 'a subscription could not be confirmed', { route: name, error });
    telemetry.count('postlane_webhooks_total', { route: name, what: 'not-confirmed' });
    return problemReply('unavailable', {}, { retryAfterMs: RETRY_MS });
  }
  telemetry.count('postlane_webhooks_total', { route: name, what: 'confirmed' });
  return reply(200);
}

function refusal(why: Refusal, name: string, { telemetry }: WebhookParts): HttpReply {
  telemetry.count('postlane_webhooks_total', { route: name, what: why });
  return { ...problemReply('unauthorized', { detail: why }), status: statusOf(why) };
}

function busy({ telemetry }: WebhookParts, name: string): HttpReply {
  telemetry.count('postlane_webhooks_total', { route: name, what: 'overloaded' });
  return problemReply('overloaded', {}, { retryAfterMs: RETRY_MS });
}

import type { Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { FEEDBACK_BODY_BYTES_MAX } from '../../src/domain/feedback/bounds.ts';
import type { Millis } from '../../src/domain/time.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { proveGeneric, proveMailgun, provePostmark, proveSendgrid } from './providers.ts';
import type { Proofs, Proven, Refusal, RouteKeys, WebhookRequest } from './request.ts';
import { proveSns } from './sns.ts';

/** What becomes of a call. */
export type Verdict =
  | Exclude<Proven, { readonly kind: 'proven' }>
  /** Append the record, remember the content under the id, and only then say that it was taken. */
  | { readonly kind: 'taken'; readonly id: string; readonly content: string; readonly record: Output<Feedback> }
  /** The same came before, and was kept. */
  | { readonly kind: 'repeated' };

const PROVE: Readonly<
  Record<RouteKeys['format'], (request: WebhookRequest, route: RouteKeys, proofs: Proofs, now: Millis) => Proven>
> = {
  ses: proveSns,
  sendgrid: proveSendgrid,
  mailgun: proveMailgun,
  postmark: provePostmark,
  generic: proveGeneric,
};

/** Under what a delivery of a route is known again. */
export const deliveryId = (route: string, id: string): string => `${route}/${id}`;

/** Judges a call by the bytes as they came: who sent it, whether it is of now, and whether it came before. */
export function accept(request: WebhookRequest, route: RouteKeys, proofs: Proofs, now: Millis): Verdict {
  if (request.body.length === 0 || request.body.length > FEEDBACK_BODY_BYTES_MAX)
    return { kind: 'refused', why: 'malformed' };
  const proven = PROVE[route.format](request, route, proofs, now);
  if (proven.kind !== 'proven') return proven;
  const content = proofs.hash([request.body]);
  const id = deliveryId(route.name, proven.id);
  const known = proofs.known(id);
  if (known !== undefined) return known === content ? { kind: 'repeated' } : { kind: 'refused', why: 'token-reused' };
  const value: Feedback = {
    route: route.name,
    format: route.format,
    at: now,
    body: Buffer.from(request.body),
    batchId: proven.id,
    recipient: null,
    sender: null,
    peer: null,
  };
  return { kind: 'taken', id, content, record: emit(topics.feedback, id, value) };
}

/**
 * Status of a refusal. Most providers try again after anything but success, which is right where it is our clock or secret
 * that is wrong; 406 tells Mailgun to stop.
 */
export const statusOf = (why: Refusal): number => {
  switch (why) {
    case 'malformed':
    case 'raw-delivery':
    case 'subscribe-url':
    case 'stale':
    case 'from-the-future':
      return 400;
    case 'token-reused':
      return 406;
    case 'certificate-unusable':
      return 503;
    default:
      return 401;
  }
};

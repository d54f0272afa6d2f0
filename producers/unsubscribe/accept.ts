import type { Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { MINUTE_MS, type Millis } from '../../src/domain/time.ts';
import type { UnsubscribeLink, Unwanted } from '../../src/domain/unsubscribe.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';

/** Route of what is said over our links. */
export const ROUTE = 'unsubscribe';

/** A form of two fields, and what may stand around it in multipart. */
export const FORM_BYTES_MAX = 4_096;

/** What a form asks for. */
export interface Asked {
  readonly unwanted: Unwanted;
  /** A mail program asks (RFC 8058), not somebody at the page. */
  readonly isOneClick: boolean;
}

const decoder = new TextDecoder('utf-8', { fatal: false });
const ONE_CLICK_PART =
  /name="?List-Unsubscribe"?[^\r\n]{0,200}\r?\n(?:[^\r\n]{1,200}\r?\n){0,5}\r?\nOne-Click(?![^\r\n])/i;

/**
 * What a POST asks for: `List-Unsubscribe=One-Click`, in either encoding of forms (RFC 8058 section 3.2), or what our own page
 * sends. Null for anything else: whoever posts without knowing what for shall change nothing.
 */
export function askedIn(contentType: string | undefined, body: Uint8Array): Asked | null {
  if (body.length > FORM_BYTES_MAX) return null;
  const text = decoder.decode(body);
  if (/^multipart\/form-data\b/i.test(contentType ?? '')) {
    return ONE_CLICK_PART.test(text) ? { unwanted: 'type', isOneClick: true } : null;
  }
  const form = new URLSearchParams(text.trim());
  const oneClick = [...form].find(([name]) => name.toLowerCase() === 'list-unsubscribe')?.[1];
  if (oneClick?.toLowerCase() === 'one-click') return { unwanted: 'type', isOneClick: true };
  const unwanted = form.get('unwanted');
  return unwanted === 'type' || unwanted === 'all' ? { unwanted, isOneClick: false } : null;
}

/** Under what one wish is known again: the same within a minute is the same. */
export const wishId = (token: string, unwanted: Unwanted, at: Millis): string =>
  `${token.slice(0, 22)}/${unwanted}/${Math.floor(at / MINUTE_MS)}`;

/** The raw record of a wish. It holds what the link says, so that it can be read when the key is long gone. */
export function accept(link: UnsubscribeLink, token: string, unwanted: Unwanted, at: Millis): Output<Feedback> {
  const id = wishId(token, unwanted, at);
  return emit(topics.feedback, `${ROUTE}/${id}`, {
    route: ROUTE,
    format: 'unsubscribe',
    at,
    body: Buffer.from(JSON.stringify({ id, ...link, unwanted })),
    batchId: id,
    recipient: link.recipient,
    sender: null,
    peer: null,
  });
}

import { createHash } from 'node:crypto';
import type { UnsubscribeLink, Unwanted } from '../../src/domain/unsubscribe.ts';
import type { HttpReply } from '../../src/http/route.ts';

const STYLE =
  'body{font:1.05rem/1.5 system-ui,sans-serif;max-width:32rem;margin:10vh auto;padding:0 1rem;color:#222;background:#fff}' +
  'button{font:inherit;padding:.6rem 1rem;margin:.3rem 0;width:100%;cursor:pointer}' +
  '@media(prefers-color-scheme:dark){body{color:#eee;background:#1b1b1b}}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Nothing is loaded, run or framed, and no other place is told where somebody came from: the link is a key. */
const HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex',
};

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

function page(status: number, title: string, body: string, headers: HttpReply['headers'] = {}): HttpReply {
  const html =
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${title}</title><style>${STYLE}</style></head><body><main><h1>${title}</h1>${body}</main></body></html>\n`;
  return { status, headers: { ...HEADERS, ...headers }, body: html, contentType: 'text/html; charset=utf-8' };
}

const KINDS: Readonly<Record<UnsubscribeLink['type'], string>> = {
  marketing: 'newsletters and offers',
  notification: 'notifications',
  transactional: 'messages of this kind',
};

const button = (unwanted: Unwanted, text: string): string =>
  `<form method="post"><input type="hidden" name="unwanted" value="${unwanted}"><button>${text}</button></form>`;

/** What somebody sees who follows the link. Looking at it changes nothing: mail scanners look at every link. */
export const askPage = ({ recipient, type }: UnsubscribeLink): HttpReply =>
  page(
    200,
    'Unsubscribe',
    `<p>What should no longer be sent to <strong>${escaped(recipient)}</strong>?</p>` +
      button('type', `No more ${KINDS[type]}`) +
      button('all', 'No more mail but what I ask for, such as receipts'),
  );

/** Said once it is kept. */
export const donePage = ({ recipient, type }: UnsubscribeLink, unwanted: Unwanted): HttpReply =>
  page(
    200,
    'Unsubscribed',
    `<p><strong>${escaped(recipient)}</strong> gets no more ${unwanted === 'all' ? 'mail but what you ask for' : KINDS[type]}.` +
      ' What is on its way already may still arrive.</p>',
  );

export const unknownPage = (): HttpReply =>
  page(
    404,
    'This link is not known',
    '<p>It may have been cut off on its way. Please take it whole from the mail.</p>',
  );

/** Its template was erased, or is none of this mail any more. */
export const gonePage = (): HttpReply =>
  page(404, 'This mail is not kept any more', '<p>It can still be read where it was sent to.</p>');

/**
 * A mail as it was sent. Whoever wrote it is not who this server belongs to: it runs no script, sends no form, has no origin to
 * read from or to store in, and may only show pictures and fonts from elsewhere, as a mail program does.
 */
const MAIL_HEADERS = {
  ...HEADERS,
  'content-security-policy':
    'sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; ' +
    "default-src 'none'; img-src https: http: data:; font-src https: data:; style-src 'unsafe-inline'; " +
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'cache-control': 'no-store',
};

/** The mail's HTML, or its text where it has none. */
export const mailPage = (subject: string, html: string | null, text: string): HttpReply => ({
  status: 200,
  headers: MAIL_HEADERS,
  contentType: 'text/html; charset=utf-8',
  body:
    html ??
    `<!doctype html><html><head><meta charset="utf-8"><title>${escaped(subject)}</title></head><body><pre style="white-space:pre-wrap">${escaped(text)}</pre></body></html>\n`,
});

export const notAskedPage = (): HttpReply =>
  page(400, 'Nothing was asked for', '<p>Please follow the link of the mail, and choose there.</p>');

export const laterPage = (retrySeconds: number): HttpReply =>
  page(503, 'Please try again', '<p>That did not work just now. Please try again in a moment.</p>', {
    'retry-after': String(retrySeconds),
  });

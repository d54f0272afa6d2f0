import MailComposer from 'nodemailer/lib/mail-composer';
import type { Attachment, Payload } from '../contracts/generated.ts';
import { hasControlCharacter } from '../domain/address.ts';
import { type HeaderField, headerField } from './header-fields.ts';
import { withCrlf } from './lines.ts';
import { textPart } from './text-part.ts';
import { readMessage } from './whole-message.ts';

/** A message's body, and the fields that say how to read it. */
export interface Content {
  readonly fields: readonly HeaderField[];
  readonly body: Buffer;
}

/** More than any mail client shows. */
export const ATTACHMENTS_MAX = 100;
const MEDIA_TYPE =
  /^[A-Za-z0-9!#$&^_.+-]{1,127}\/[A-Za-z0-9!#$&^_.+-]{1,127}(?:\s*;\s*[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+-]+|"[ -!#-[\]-~]*"))*$/;
const CONTENT_ID = /^[!-;=?-~]{1,200}$/;
/** Their parts must not be encoded (RFC 2046 sections 5.1 and 5.2): they travel as plain files. */
const COMPOSITE = /^(?:message|multipart)\//i;

const encodingFields = (contentType: string, encoding: string): HeaderField[] => [
  headerField('Content-Type', contentType),
  headerField('Content-Transfer-Encoding', encoding),
];

/** The body of text alone, HTML alone, or both. `boundary` must not occur in either. */
function textContent(text: string | null, html: string | null, boundary: () => string): Content {
  if (text === null || html === null) {
    const subtype = html === null ? 'plain' : 'html';
    const part = textPart(text ?? html ?? '');
    return {
      fields: encodingFields(`text/${subtype}; charset=utf-8`, part.encoding),
      body: Buffer.from(part.content, 'latin1'),
    };
  }
  const between = boundary();
  let body = '';
  for (const [subtype, written] of [
    ['plain', text],
    ['html', html],
  ] as const) {
    const part = textPart(written);
    body += `--${between}\r\nContent-Type: text/${subtype}; charset=utf-8\r\n`;
    body += `Content-Transfer-Encoding: ${part.encoding}\r\n\r\n${part.content}\r\n`;
  }
  return {
    fields: encodingFields(`multipart/alternative; boundary="${between}"`, '7bit'),
    body: Buffer.from(`${body}--${between}--\r\n`, 'latin1'),
  };
}

const isAcceptable = ({ filename, contentType, contentId }: Attachment): boolean =>
  !hasControlCharacter(filename) && MEDIA_TYPE.test(contentType) && (contentId === null || CONTENT_ID.test(contentId));

/** The body with files, by nodemailer; no field of ours can make it open a file or a URL. Null: it made no sound message. */
async function contentWithFiles(payload: Payload, boundary: () => string): Promise<Content | null> {
  const composer = new MailComposer({
    text: payload.text === null ? undefined : withCrlf(payload.text.toWellFormed()),
    html: payload.html === null ? undefined : withCrlf(payload.html.toWellFormed()),
    attachments: payload.attachments.map(({ filename, contentType, contentId, content }) => ({
      filename: filename.toWellFormed(),
      contentType: COMPOSITE.test(contentType) ? 'application/octet-stream' : contentType,
      contentTransferEncoding: 'base64' as const,
      contentDisposition: contentId === null ? ('attachment' as const) : ('inline' as const),
      cid: contentId ?? undefined,
      content,
    })),
    baseBoundary: boundary(),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const built = readMessage(await composer.compile().build());
  if (!built.ok) return null;
  return {
    fields: built.fields.filter(({ name }) => /^content-/i.test(name)),
    body: built.body,
  };
}

/** Makes the body of a payload. Null: an attachment is not acceptable. `boundary` answers a text that no part holds. */
export async function contentOf(payload: Payload, boundary: () => string): Promise<Content | null> {
  if (payload.attachments.length === 0) return textContent(payload.text, payload.html, boundary);
  if (payload.attachments.length > ATTACHMENTS_MAX || !payload.attachments.every(isAcceptable)) return null;
  return contentWithFiles(payload, boundary);
}

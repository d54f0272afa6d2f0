import { type Mailbox, parseNamedMailbox } from '../domain/address.ts';
import { parseAddressList } from '../domain/address-list.ts';
import { addressListField, type HeaderField, headerField, isTooLong, textField } from './header-fields.ts';
import { type MimeFault, mimeFault } from './mime-tree.ts';
import { type MessageFault, type ReadMessage, readMessage, unfolded } from './whole-message.ts';

export type RewriteFault =
  | 'bad-from'
  | 'bad-reply-to'
  | 'bad-address-list'
  | 'bad-unsubscribe-link'
  | 'duplicate-header'
  | 'header-too-long'
  | MessageFault
  | MimeFault;

/** A whole message as it goes out, less what the pipeline adds: every field written by us, the body as it came. */
export interface RewrittenMessage {
  readonly ok: true;
  readonly from: Mailbox;
  /** From is the first. None of those that are withheld. */
  readonly fields: readonly HeaderField[];
  readonly body: Buffer;
  /** First link of List-Unsubscribe. */
  readonly unsubscribeLink: string | null;
  /** It says itself that one click is honoured (RFC 8058). */
  readonly takesPost: boolean;
}

export type Rewritten = RewrittenMessage | { readonly ok: false; readonly fault: RewriteFault };

/** Fields that never go out as they came: trace, signatures, hidden recipients, our own controls, and what we write. */
const WITHHELD =
  /^(?:bcc|sender|received|return-path|delivered-to|x-original-to|message-id|date|mime-version|dkim-.*|domainkey-.*|arc-.*|authentication-results|received-spf|resent-.*|x-entity-ref-id|feedback-id|x-postlane-.*)$/i;
/** Fields that a message may have once (RFC 5322 section 3.6): with two of them, readers disagree on which one counts. */
const ONCE = new Set([
  'from',
  'reply-to',
  'to',
  'cc',
  'subject',
  'in-reply-to',
  'references',
  'content-type',
  'content-transfer-encoding',
  'list-unsubscribe',
  'list-unsubscribe-post',
]);
const ADDRESS_LISTS = new Set(['to', 'cc', 'reply-to']);
/** Their values are free text: other characters than ASCII can be encoded without changing what they say. */
const FREE_TEXT = /^(?:subject|comments|keywords|organization|thread-topic|x-.*)$/;
const LINK = /^<((?:https?:\/\/|mailto:)[!-;=?-~]+)>$/i;
const ASCII_ONLY = /^[ -~\t\r\n]*$/;

export const isWithheld = (name: string): boolean => WITHHELD.test(name);
export const isAscii = (text: string): boolean => ASCII_ONLY.test(text);

/** Parses the fields of a message, checks them and its tree, and writes them again. Same bytes, same result. */
export function rewriteMessage(mime: Buffer): Rewritten {
  const read = readMessage(mime);
  return read.ok ? rewriteRead(read) : read;
}

/** `rewriteMessage` for a message that was taken apart. */
export function rewriteRead({ fields, body }: Extract<ReadMessage, { readonly ok: true }>): Rewritten {
  const refuse = (fault: RewriteFault): Rewritten => ({ ok: false, fault });
  const names = fields.map(({ name }) => name.toLowerCase());
  if (names.some((name, index) => ONCE.has(name) && names.indexOf(name) !== index)) return refuse('duplicate-header');
  const authored = fields.find(({ name }) => name.toLowerCase() === 'from');
  const author = authored && parseNamedMailbox(unfolded(authored));
  if (!author?.ok) return refuse('bad-from');
  const tree = mimeFault(fields, body.toString('latin1'));
  if (tree !== null) return refuse(tree);
  // Written from what was read: no other reader may see another sender in it than the one that is signed for.
  const written = [addressListField('From', [author.value])];
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (name === 'from' || isWithheld(name)) continue;
    if (!ADDRESS_LISTS.has(name)) {
      written.push(valueField(field, name));
      continue;
    }
    const entries = parseAddressList(unfolded(field));
    if (!entries.ok) return refuse(name === 'reply-to' ? 'bad-reply-to' : 'bad-address-list');
    if (entries.value.length > 0) written.push(addressListField(field.name, entries.value));
  }
  if (written.some(isTooLong)) return refuse('header-too-long');
  const unsubscribe = fields.find(({ name }) => name.toLowerCase() === 'list-unsubscribe');
  const links = unsubscribe && linksOf(unfolded(unsubscribe));
  if (links === null) return refuse('bad-unsubscribe-link');
  return {
    ok: true,
    from: author.value.mailbox,
    fields: written,
    body,
    unsubscribeLink: links?.[0] ?? null,
    takesPost: names.includes('list-unsubscribe-post'),
  };
}

/** What List-Unsubscribe holds (RFC 2369): links in angle brackets. Null: something else, or links that no reader should open. */
function linksOf(value: string): readonly string[] | null {
  const links = value.split(',').map((written) => LINK.exec(written.trim())?.[1]);
  return links.every((link) => link !== undefined) ? links : null;
}

/** Old software writes UTF-8 into free text as it is; that needs no SMTPUTF8 once it is encoded. */
function valueField(field: HeaderField, name: string): HeaderField {
  const value = unfolded(field);
  return !isAscii(value) && FREE_TEXT.test(name) ? textField(field.name, value) : headerField(field.name, value);
}

/** The message as bytes, to be read again by `rewriteMessage`. */
export const assembledMessage = ({ fields, body }: Pick<RewrittenMessage, 'fields' | 'body'>): Buffer =>
  Buffer.concat([Buffer.from(`${fields.map(({ line }) => `${line}\r\n`).join('')}\r\n`, 'utf8'), body]);

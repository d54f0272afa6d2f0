import { type AddressFault, type NamedMailbox, type Parsed, parseNamedMailbox } from './address.ts';

/** Mailboxes under a common name, of which there may be none: `undisclosed-recipients:;`. */
export interface AddressGroup {
  readonly group: string;
  readonly members: readonly NamedMailbox[];
}

export type AddressEntry = NamedMailbox | AddressGroup;

/** Longest text of To, Cc or Reply-To that is read. */
export const ADDRESS_LIST_LENGTH_MAX = 65_536;
/** More than a header of people's own making names. */
export const ADDRESSES_MAX = 1_000;

const GROUP_NAME = /^(?:[^<>()[\]:;@\\,"]+|"(?:[^"\\]|\\.)*")$/u;

const fault = (found: AddressFault): Parsed<never> => ({ ok: false, fault: found });

/**
 * Reads what To, Cc and Reply-To hold (RFC 5322 section 3.4, address-list): mailboxes and groups, in one line. Comments are
 * dropped. Anything that readers could take for other addresses than these is a fault.
 */
export function parseAddressList(written: string): Parsed<readonly AddressEntry[]> {
  if (written.length > ADDRESS_LIST_LENGTH_MAX) return fault('too-long');
  const pieces = piecesOf(written.replaceAll('\t', ' '));
  if (pieces === null || pieces.length > ADDRESSES_MAX) return fault(pieces === null ? 'bad-name' : 'too-long');
  const entries: AddressEntry[] = [];
  let group: { readonly group: string; readonly members: NamedMailbox[] } | null = null;
  for (const { text, end } of pieces) {
    if (end === ':') {
      if (group !== null || !GROUP_NAME.test(text)) return fault('bad-name');
      group = { group: text, members: [] };
      continue;
    }
    if (text !== '') {
      const mailbox = parseNamedMailbox(text);
      if (!mailbox.ok) return mailbox;
      (group?.members ?? entries).push(mailbox.value);
    }
    if (end === ';') {
      if (group === null) return fault('bad-name');
      entries.push(group);
      group = null;
    }
  }
  return group === null ? { ok: true, value: entries } : fault('bad-name');
}

interface Piece {
  readonly text: string;
  /** What ended it: `,` or the end of the list, or a mark of groups. */
  readonly end: ',' | ':' | ';';
}

/** Cuts at what stands outside of quotes, angle brackets and comments. Null: one of these is not closed. */
function piecesOf(text: string): Piece[] | null {
  const pieces: Piece[] = [];
  let piece = '';
  let comments = 0;
  let quoted = false;
  let inAngle = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    const isEscape = character === '\\' && (quoted || comments > 0);
    const taken = isEscape ? text.slice(at, at + 2) : character;
    if (isEscape) at++;
    if (comments > 0) {
      if (taken === '(') comments++;
      if (taken === ')') comments--;
      continue;
    }
    if (taken === '"') quoted = !quoted;
    if (quoted || taken === '"') {
      piece += taken;
      continue;
    }
    if (taken === '(') {
      comments++;
      continue;
    }
    if (taken === '<' || taken === '>') inAngle = taken === '<';
    if (!inAngle && (taken === ',' || taken === ':' || taken === ';')) {
      pieces.push({ text: piece.trim(), end: taken });
      piece = '';
      continue;
    }
    piece += taken;
  }
  if (quoted || inAngle || comments > 0) return null;
  return [...pieces, { text: piece.trim(), end: ',' }];
}

import { encodeWord } from 'nodemailer/lib/mime-funcs';
import { addressOf, type NamedMailbox } from '../domain/address.ts';
import type { AddressEntry } from '../domain/address-list.ts';
import { LINE_BYTES_MAX } from './lines.ts';

/** Characters that a line should not exceed (RFC 5322 section 2.1.1). */
const LINE_LENGTH_WANTED = 76;
const ENCODED_WORD_LENGTH = 52;

/** One field as it will be sent: `Name: value`, folded, without the final CRLF. */
export interface HeaderField {
  readonly name: string;
  readonly line: string;
}

/** A field whose value may be broken at any space. */
export function headerField(name: string, value: string): HeaderField {
  const line = `${name}: ${value}`;
  return { name, line: line.length <= LINE_LENGTH_WANTED ? line : folded(line) };
}

/** Breaks before white space only, and never so that a line has nothing else: some readers would take it for the end. */
function folded(text: string): string {
  let done = '';
  let line = '';
  for (const [word] of text.matchAll(/[ \t]*[^ \t]+|[ \t]+$/g)) {
    // Not straight after the name either: such fields look empty to some.
    const mayBreak = (done !== '' || /: *[^ ]/.test(line)) && /^[ \t]+[^ \t]/.test(word);
    if (mayBreak && line !== '' && line.length + word.length > LINE_LENGTH_WANTED) {
      done += `${line}\r\n`;
      line = '';
    }
    line += word;
  }
  return done + line;
}

/** What cannot stand in an unstructured field as it is: other characters, what looks like an encoded word, spaces that would get lost. */
const NEEDS_ENCODING = /[^ -~]|=\?|^ | $| {2}|[^ ]{200}/;

/** A field of free text, in encoded words (RFC 2047) where it must be. */
export const textField = (name: string, text: string): HeaderField =>
  headerField(name, NEEDS_ENCODING.test(text) ? encodeWord(text, 'Q', ENCODED_WORD_LENGTH) : text);

/** Encoded words and atoms, as they may stand before an address: nothing in it ends the name. */
const ENCODED_PHRASE = /^(?=.*=\?)[!#-'*+./0-9=?A-Z^-~ -]+$/;
const ATOMS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+$/;

/** A field that names one mailbox. */
export const mailboxField = (name: string, mailbox: NamedMailbox): HeaderField =>
  headerField(name, mailboxText(mailbox));

function mailboxText({ name: display, mailbox }: NamedMailbox): string {
  const address = addressOf(mailbox);
  if (display === '') return address;
  if (NEEDS_ENCODING.test(display)) return `${encodeWord(display, 'Q', ENCODED_WORD_LENGTH)} <${address}>`;
  const phrase = ATOMS.test(display) ? display : `"${display.replace(/["\\]/g, '\\$&')}"`;
  return `${phrase} <${address}>`;
}

/** A field of mailboxes and groups that were read from one. A name that came in encoded words goes out in them. */
export const addressListField = (name: string, entries: readonly AddressEntry[]): HeaderField =>
  headerField(name, entries.map(entryText).join(', '));

const entryText = (entry: AddressEntry): string =>
  'group' in entry ? `${entry.group}: ${entry.members.map(readMailboxText).join(', ')};` : readMailboxText(entry);

const readMailboxText = (read: NamedMailbox): string =>
  ENCODED_PHRASE.test(read.name) ? `${read.name} <${addressOf(read.mailbox)}>` : mailboxText(read);

/** True where some line of the field is longer than SMTP carries. Folding cannot break a word. */
export const isTooLong = ({ line }: HeaderField): boolean =>
  line.length * 3 > LINE_BYTES_MAX && line.split('\r\n').some((part) => Buffer.byteLength(part) > LINE_BYTES_MAX);

/** RFC 5322 section 3.3, in UTC. */
export const dateValue = (at: number): string => new Date(at).toUTCString().replace('GMT', '+0000');

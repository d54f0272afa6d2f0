import { encodeWord, foldLines } from 'nodemailer/lib/mime-funcs';
import { addressOf, type NamedMailbox } from '../domain/address.ts';
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
  return { name, line: line.length <= LINE_LENGTH_WANTED ? line : foldLines(line, LINE_LENGTH_WANTED) };
}

/** What cannot stand in an unstructured field as it is: other characters, what looks like an encoded word, spaces that would get lost. */
const NEEDS_ENCODING = /[^ -~]|=\?|^ | $| {2}|[^ ]{200}/;

/** A field of free text, in encoded words (RFC 2047) where it must be. */
export const textField = (name: string, text: string): HeaderField =>
  headerField(name, NEEDS_ENCODING.test(text) ? encodeWord(text, 'Q', ENCODED_WORD_LENGTH) : text);

const ATOMS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+$/;

/** A field that names one mailbox. */
export function mailboxField(name: string, { name: display, mailbox }: NamedMailbox): HeaderField {
  const address = addressOf(mailbox);
  if (display === '') return headerField(name, address);
  if (NEEDS_ENCODING.test(display)) {
    return headerField(name, `${encodeWord(display, 'Q', ENCODED_WORD_LENGTH)} <${address}>`);
  }
  const phrase = ATOMS.test(display) ? display : `"${display.replace(/["\\]/g, '\\$&')}"`;
  return headerField(name, `${phrase} <${address}>`);
}

/** True where some line of the field is longer than SMTP carries. Folding cannot break a word. */
export const isTooLong = ({ line }: HeaderField): boolean =>
  line.length * 3 > LINE_BYTES_MAX && line.split('\r\n').some((part) => Buffer.byteLength(part) > LINE_BYTES_MAX);

/** RFC 5322 section 3.3, in UTC. */
export const dateValue = (at: number): string => new Date(at).toUTCString().replace('GMT', '+0000');

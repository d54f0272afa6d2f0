import { domainToASCII } from 'node:url';
import type { Extension } from './site-behaviour.ts';

/** A path of MAIL or RCPT with its parameters. */
export interface PathCommand {
  /** What stands between the angle brackets. */
  readonly path: string;
  /** Names in upper case. */
  readonly parameters: ReadonlyMap<string, string>;
}

export interface RecipientAddress {
  readonly address: string;
  readonly localPart: string;
  /** Lower case, A-labels. */
  readonly domain: string;
}

const PATH = /^<((?:"(?:[^"\\]|\\.)*"|[^"<>])*)>(?: +(.*))?$/;
const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?$/;
const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();
const ADDRESS_BYTES_MAX = 320;
/** Octets of a command with its CRLF. More than RFC 5321's 512: SASL answers and SMTPUTF8 need it. */
const COMMAND_BYTES_MAX = 4_096;
const CR = 0x0d;

/** Reads what follows `FROM:` or `TO:`; null where it is not as RFC 5321 section 4.1.2 has it. */
export function parsePath(text: string): PathCommand | null {
  const found = PATH.exec(text);
  if (!found) return null;
  const path = found[1] as string;
  if (found[2] === undefined) return { path, parameters: NO_PARAMETERS };
  const parameters = new Map<string, string>();
  for (const word of found[2].trimEnd().split(/ +/)) {
    const parameter = PARAMETER.exec(word);
    if (!parameter) return null;
    parameters.set((parameter[1] as string).toUpperCase(), parameter[2] ?? '');
  }
  return { path, parameters };
}

/** Takes a mailbox apart at its last `@`; null where it is none. */
export function parseAddress(path: string): RecipientAddress | null {
  const at = path.lastIndexOf('@');
  if (at <= 0 || at === path.length - 1 || Buffer.byteLength(path) > ADDRESS_BYTES_MAX) return null;
  const localPart = path.slice(0, at);
  if (/\s/.test(localPart) && !localPart.startsWith('"')) return null;
  const written = path.slice(at + 1).toLowerCase();
  const domain = isAscii(written) ? written : domainToASCII(written);
  return domain !== '' && /^[a-z0-9._-]+$|^\[[^\]]+\]$/.test(domain) ? { address: path, localPart, domain } : null;
}

export const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/**
 * What is wrong with how the command at `start` was sent, as the reply that ends the connection; null where nothing is.
 * `lineFeed` is its end, -1 where that has not come.
 */
export function framingProblem(bytes: Buffer, start: number, lineFeed: number, mayPipeline: boolean): string | null {
  const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
  if (end - start > COMMAND_BYTES_MAX) return '500 5.5.6 Line is too long\r\n';
  if (lineFeed < 0) return null;
  if (lineFeed === start || bytes[lineFeed - 1] !== CR) return '500 5.5.2 Lines end with CR and LF\r\n';
  return end < bytes.length && !mayPipeline ? '554 5.5.0 Commands are not to be sent ahead\r\n' : null;
}

/** What EHLO announces, in this order. */
export function ehloLines(sizeMax: number, offered: ReadonlySet<Extension>): string[] {
  const lines: readonly (readonly [name: Extension, line: string])[] = [
    ['PIPELINING', 'PIPELINING'],
    ['SIZE', `SIZE ${sizeMax}`],
    ['8BITMIME', '8BITMIME'],
    ['SMTPUTF8', 'SMTPUTF8'],
    ['STARTTLS', 'STARTTLS'],
    ['AUTH', 'AUTH PLAIN LOGIN'],
    ['ENHANCEDSTATUSCODES', 'ENHANCEDSTATUSCODES'],
  ];
  return lines.filter(([name]) => offered.has(name)).map(([, line]) => line);
}

/** Whether MAIL may have the parameter, given what was announced. */
export function isMailParameter(name: string, value: string, offered: ReadonlySet<Extension>): boolean {
  if (name === 'SIZE') return offered.has('SIZE') && /^\d{1,20}$/.test(value);
  if (name === 'BODY') return offered.has('8BITMIME') && /^(?:7BIT|8BITMIME)$/i.test(value);
  if (name === 'SMTPUTF8') return offered.has('SMTPUTF8') && value === '';
  return name === 'AUTH' && offered.has('AUTH');
}

import type { HeaderField } from './header-fields.ts';
import { readFields, unfolded } from './whole-message.ts';

/** Deeper than any mail of people's own making: a forwarded mail in a forwarded mail takes six. */
export const MIME_DEPTH_MAX = 20;
export const MIME_PARTS_MAX = 500;

/** Why a tree is refused: readers would see different parts in it, or fetch some of them from elsewhere. */
export type MimeFault = 'mime-too-deep' | 'mime-too-many-parts' | 'mime-broken' | 'mime-reference';

const TYPE = /^[!#$%&'*+.^_`|~A-Za-z0-9-]{1,127}\/[!#$%&'*+.^_`|~A-Za-z0-9-]{1,127}(?=\s*(?:;|$|\())/;
const BOUNDARY = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";()<>@,\\]+))/gi;
/** RFC 2046 section 5.1.1. */
const BOUNDARY_TEXT = /^[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]$/;
/** Content that lies elsewhere, or in other mails (RFC 2046 sections 5.2.2 and 5.2.3). */
const REFERENCE = /^message\/(?:external-body|partial)$/;
const UNENCODED = /^(?:7bit|8bit|binary)?$/i;

interface Walk {
  parts: number;
}

/** Looks at the parts of a message without decoding them. `text` holds one octet per character, its lines end with CRLF. */
export const mimeFault = (fields: readonly HeaderField[], text: string): MimeFault | null =>
  partFault(fields, text, [], { parts: 0 });

/** `around`: the boundaries that it stands between; '' for a message. */
function partFault(
  fields: readonly HeaderField[],
  text: string,
  around: readonly string[],
  walk: Walk,
): MimeFault | null {
  walk.parts++;
  if (walk.parts > MIME_PARTS_MAX) return 'mime-too-many-parts';
  if (around.length >= MIME_DEPTH_MAX) return 'mime-too-deep';
  const types = valuesOf(fields, 'content-type');
  const encodings = valuesOf(fields, 'content-transfer-encoding');
  if (types.length > 1 || encodings.length > 1) return 'mime-broken';
  const [written = 'text/plain'] = types;
  const type = TYPE.exec(written)?.[0].toLowerCase();
  // Old programs write `text` alone: no reader takes that for more than text.
  if (type === undefined) return /multipart|message/i.test(written) ? 'mime-broken' : null;
  if (REFERENCE.test(type)) return 'mime-reference';
  const isPlain = UNENCODED.test((encodings[0] ?? '').trim());
  if (type === 'message/rfc822') return isPlain ? attachedMessageFault(text, around, walk) : null;
  if (!type.startsWith('multipart/')) return null;
  const boundary = boundaryOf(written);
  if (!isPlain || boundary === null || around.includes(boundary)) return 'mime-broken';
  return multipartFault(text, boundary, [...around, boundary], walk);
}

const valuesOf = (fields: readonly HeaderField[], name: string): string[] =>
  fields.filter((field) => field.name.toLowerCase() === name).map(unfolded);

/** The one boundary that it names. */
function boundaryOf(written: string): string | null {
  const [found, ...more] = [...written.matchAll(BOUNDARY)];
  if (found === undefined || more.length > 0) return null;
  const text = found[1] === undefined ? (found[2] as string) : found[1].replace(/\\(.)/g, '$1');
  return BOUNDARY_TEXT.test(text) ? text : null;
}

/** Somebody else's mail, which may be as broken as mails are: it is a file to us. */
function attachedMessageFault(text: string, around: readonly string[], walk: Walk): MimeFault | null {
  const fault = entityFault(text, [...around, ''], walk);
  return fault === 'mime-broken' ? null : fault;
}

/** A header, an empty line, and a body. */
function entityFault(text: string, around: readonly string[], walk: Walk): MimeFault | null {
  const isBare = text.startsWith('\r\n');
  const found = isBare ? 0 : text.indexOf('\r\n\r\n');
  const headerEnd = found < 0 ? text.length : found;
  const header = isBare || text === '' ? '' : `${text.slice(0, headerEnd)}\r\n`;
  const fields = readFields(Buffer.from(header, 'latin1'), 'any');
  if (fields === null) return 'mime-broken';
  return partFault(fields, text.slice(headerEnd + (isBare ? 2 : 4)), around, walk);
}

/** Its parts, each between two delimiters that stand on lines of their own. */
function multipartFault(text: string, boundary: string, around: readonly string[], walk: Walk): MimeFault | null {
  const delimiter = `--${boundary}`;
  let partStart = -1;
  for (let at = text.indexOf(delimiter); at >= 0; at = text.indexOf(delimiter, at + 1)) {
    if (at > 0 && text.slice(at - 2, at) !== '\r\n') continue;
    const lineEnd = text.indexOf('\r\n', at);
    const rest = text.slice(at + delimiter.length, lineEnd < 0 ? text.length : lineEnd);
    if (!/^(?:--)?[ \t]*$/.test(rest)) continue;
    // The line end before a delimiter belongs to it.
    const fault = partStart < 0 ? null : entityFault(text.slice(partStart, Math.max(partStart, at - 2)), around, walk);
    if (fault !== null) return fault;
    if (rest.startsWith('--')) return null;
    partStart = lineEnd < 0 ? text.length : lineEnd + 2;
  }
  // Nothing closes it: whoever sent it was cut off, or means one reader to see more than another.
  return 'mime-broken';
}

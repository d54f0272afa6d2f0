import { isUtf8 } from 'node:buffer';
import { BEGINNING, type Place } from './row.ts';

interface LinePlace {
  readonly number: number;
  /** Where the next line begins. */
  readonly end: Place;
  readonly text: string;
}

type Parsed =
  | { readonly ok: true; readonly value: unknown; readonly text: string }
  | { readonly ok: false; readonly problem: LineProblem; readonly detail: string; readonly text: string };

/** One line of a file; they count from 1. Blank lines are counted and not answered. */
export type NdjsonLine = LinePlace & Parsed;

export type LineProblem = 'line-too-long' | 'not-utf-8' | 'not-json';

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = '\ufeff';
/** Of a line that is too long, this much is kept to recognise it by. */
const KEPT_BYTES_MAX = 256;

/**
 * Splits bytes into lines of JSON, in constant memory: at most one line of `lineBytesMax` bytes is held. What is wrong with a
 * line is part of the answer and ends nothing. The last line need not end with a newline. `from` is what the bytes follow.
 */
export async function* readNdjson(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
  from: Place = BEGINNING,
): AsyncGenerator<NdjsonLine> {
  let end = from;
  let parts: Buffer[] = [];
  let bytes = 0;
  let isTooLong = false;
  const keptBytesMax = Math.min(KEPT_BYTES_MAX, lineBytesMax);
  const hold = (part: Buffer): void => {
    bytes += part.length;
    if (isTooLong) return;
    parts.push(part);
    isTooLong = bytes > lineBytesMax;
    if (isTooLong) parts = [Buffer.from(Buffer.concat(parts).subarray(0, keptBytesMax))];
  };
  const finish = (newlineBytes: number): NdjsonLine | null => {
    const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    const wasTooLong = isTooLong;
    end = { bytes: end.bytes + bytes + newlineBytes, lines: end.lines + 1 };
    parts = [];
    bytes = 0;
    isTooLong = false;
    const parsed = wasTooLong ? tooLong(line, lineBytesMax) : parseLine(line, end.lines === 1);
    return parsed === null ? null : { number: end.lines, end, ...parsed };
  };
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      hold(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      const line = finish(1);
      if (line) yield line;
    }
    if (rest.length > 0) hold(rest);
  }
  if (bytes > 0) {
    const line = finish(0);
    if (line) yield line;
  }
}

const tooLong = (beginning: Buffer, lineBytesMax: number): Parsed => ({
  ok: false,
  problem: 'line-too-long',
  detail: `over ${lineBytesMax} bytes`,
  text: beginning.toString(),
});

function parseLine(bytes: Buffer, isFirst: boolean): Parsed | null {
  if (!isUtf8(bytes)) return { ok: false, problem: 'not-utf-8', detail: '', text: bytes.toString('latin1') };
  const raw = bytes.toString();
  const text = (isFirst && raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(1) : raw).trim();
  if (text === '') return null;
  try {
    return { ok: true, value: JSON.parse(text), text };
  } catch (error) {
    return { ok: false, problem: 'not-json', detail: syntaxOf(error), text };
  }
}

/** What a syntax error says, without the piece of text that the engine's message quotes: it may be an address. */
function syntaxOf(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  if (message.includes('end of JSON input')) return 'it ends too early';
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `at character ${Number(position) + 1}`;
  const token = /^Unexpected token '(.)'/u.exec(message)?.[1];
  return token === undefined ? '' : `unexpected ${token}`;
}

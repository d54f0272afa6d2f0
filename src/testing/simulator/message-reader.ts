/** RFC 5321 section 4.5.3.1.6: 1000 octets with CRLF. */
export const LINE_BYTES_MAX = 998;
/** What is searched for job id and Message-ID. */
export const HEADER_BYTES_MAX = 65_536;

/** Why a message cannot be taken. A bare CR or LF is what SMTP smuggling is made of: servers disagree on what it means. */
export type MessageDefect = 'bare-cr-or-lf' | 'line-too-long' | 'too-big';

const DOT = 0x2e;
const CR = 0x0d;
const LF = 0x0a;

/** What was read last. */
const AT_LINE_START = 0;
const IN_LINE = 1;
const AFTER_CR = 2;
/** CR at the beginning of a line: with LF, an empty line. */
const AFTER_LEADING_CR = 3;
/** A dot at the beginning of a line: it is not part of the message. */
const AFTER_DOT = 4;
/** Dot and CR at the beginning of a line: with LF, the end. */
const AFTER_DOT_CR = 5;

/**
 * Reads one message after DATA (RFC 5321 section 4.5.2): finds its end, which is CRLF dot CRLF and nothing else, takes the
 * stuffed dots out, and keeps the header block, or the whole message where it is asked to. Octets are looked at once each
 * and no line becomes a string.
 */
export class MessageReader {
  private state = AT_LINE_START;
  private pieces: Buffer[] = [];
  private keptBytes = 0;
  private headerBytes = -1;
  private size = 0;
  private lineBytes = 0;
  private found: MessageDefect | null = null;
  private readonly sizeMax: number;
  private readonly keepsAll: boolean;

  constructor(sizeMax: number, keepsAll: boolean) {
    this.sizeMax = sizeMax;
    this.keepsAll = keepsAll;
  }

  /** Makes ready for the next message. */
  reset(): void {
    this.state = AT_LINE_START;
    this.pieces = [];
    this.keptBytes = 0;
    this.headerBytes = -1;
    this.size = 0;
    this.lineBytes = 0;
    this.found = null;
  }

  /** Octets of the message so far, without what transparency adds. */
  get bytes(): number {
    return this.size;
  }

  get defect(): MessageDefect | null {
    return this.found ?? (this.size > this.sizeMax ? 'too-big' : null);
  }

  /** The header block as one character per octet, up to HEADER_BYTES_MAX. */
  header(): string {
    const end = this.headerBytes < 0 ? Math.min(this.keptBytes, HEADER_BYTES_MAX) : this.headerBytes;
    return this.message().toString('latin1', 0, end);
  }

  /** The message; only its beginning unless all is kept. */
  message(): Buffer {
    if (this.pieces.length !== 1) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0] as Buffer;
  }

  /** Reads from `start` on. Answers where the message ends, after the final CRLF, or -1 where it goes on. */
  read(bytes: Buffer, start: number): number {
    const { length } = bytes;
    let { state } = this;
    let kept = start;
    let lineStart = start - this.lineBytes;
    let at = start;
    while (at < length) {
      const octet = bytes[at] as number;
      if (octet !== CR && octet !== LF) {
        if (state === AT_LINE_START && octet === DOT) {
          this.keep(bytes, kept, at);
          kept = at + 1;
          lineStart++;
          state = AFTER_DOT;
        } else {
          if (state === AFTER_CR || state === AFTER_LEADING_CR || state === AFTER_DOT_CR)
            this.found ??= 'bare-cr-or-lf';
          state = IN_LINE;
        }
        at++;
        if (state === IN_LINE) while (at < length && bytes[at] !== CR && bytes[at] !== LF) at++;
        continue;
      }
      if (octet === CR) {
        if (state === IN_LINE) state = AFTER_CR;
        else if (state === AT_LINE_START) state = AFTER_LEADING_CR;
        else if (state === AFTER_DOT) state = AFTER_DOT_CR;
        else {
          this.found ??= 'bare-cr-or-lf';
          state = AFTER_CR;
        }
        at++;
        continue;
      }
      at++;
      if (state === AFTER_DOT_CR) return at;
      if (state === AFTER_CR || state === AFTER_LEADING_CR) {
        if (at - lineStart > LINE_BYTES_MAX + 2) this.found ??= 'line-too-long';
        if (state === AFTER_LEADING_CR && this.headerBytes < 0) this.headerBytes = this.size + at - kept;
        lineStart = at;
        state = AT_LINE_START;
      } else {
        this.found ??= 'bare-cr-or-lf';
        state = IN_LINE;
      }
    }
    // The CR of what may become the final dot is no part of the message.
    this.keep(bytes, kept, state === AFTER_DOT_CR ? length - 1 : length);
    this.lineBytes = length - lineStart;
    this.state = state;
    return -1;
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    if (end <= start) return;
    const isWanted = this.keepsAll
      ? this.size <= this.sizeMax
      : this.keptBytes < HEADER_BYTES_MAX && (this.headerBytes < 0 || this.keptBytes < this.headerBytes);
    this.size += end - start;
    if (!isWanted) return;
    this.pieces.push(bytes.subarray(start, end));
    this.keptBytes += end - start;
  }
}

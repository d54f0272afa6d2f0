/** RFC 5321 section 4.5.3.1.5 allows 512 octets; servers with long texts exist, servers without end must not. */
export const REPLY_LINE_BYTES_MAX = 2_048;
export const REPLY_LINES_MAX = 100;

/** A reply as it came: the code, and the text of every line after code and separator. */
export interface RawReply {
  readonly code: number;
  readonly lines: readonly string[];
}

const LINE_FEED = 0x0a;
const LINE = /^([2-5][0-9]{2})(?:([ -])(.*))?$/s;
const EMPTY = Buffer.alloc(0);

/** Cuts what a server sends into replies. Holds at most one unfinished line and one unfinished reply. */
export class ReplyReader {
  private rest: Buffer = EMPTY;
  private code = 0;
  private lines: string[] = [];

  /** Answers the replies that `chunk` completes; null where it is no SMTP: then nothing more can be read. */
  push(chunk: Buffer): RawReply[] | null {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const replies: RawReply[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      if (end - start > REPLY_LINE_BYTES_MAX) return null;
      const reply = this.line(bytes.toString('utf8', start, end));
      if (reply === null) return null;
      if (reply !== 'more') replies.push(reply);
      start = end + 1;
    }
    if (bytes.length - start > REPLY_LINE_BYTES_MAX) return null;
    this.rest = start === bytes.length ? EMPTY : Buffer.from(bytes.subarray(start));
    return replies;
  }

  /** True where nothing of a further reply was read. */
  isBetweenReplies(): boolean {
    return this.rest.length === 0 && this.lines.length === 0;
  }

  private line(written: string): RawReply | 'more' | null {
    const found = LINE.exec(written.endsWith('\r') ? written.slice(0, -1) : written);
    if (!found) return null;
    const code = Number(found[1]);
    if (this.lines.length > 0 && code !== this.code) return null;
    if (this.lines.length >= REPLY_LINES_MAX) return null;
    this.code = code;
    this.lines.push(found[3] ?? '');
    if (found[2] === '-') return 'more';
    const reply = { code, lines: this.lines };
    this.lines = [];
    return reply;
  }
}

import type { Millis } from '../../domain/time.ts';

/** One accepted message for one recipient. */
export interface JournalEntry {
  /** Counts up from 0 and never repeats; the cursor of the journal. */
  readonly seq: number;
  /** Of X-Entity-Ref-ID; empty where the message has none. */
  readonly jobId: string;
  readonly recipient: string;
  /** With its angle brackets; empty where the message has none. */
  readonly messageId: string;
  /** Name that the client gave in EHLO. Postlane's sources have one each. */
  readonly source: string;
  /** When the message was taken. */
  readonly at: Millis;
  /** Recipient's domain, lower case. */
  readonly site: string;
  /** Client's address. */
  readonly ip: string;
  /** Envelope sender; empty for `<>`. */
  readonly from: string;
  readonly bytes: number;
  /** The message as it was sent. Only where it is asked for; null where it is no longer, or was never, kept. */
  readonly raw?: string | null;
  /** `utf8`: `raw` is the text itself. `base64`: the message is no UTF-8. */
  readonly rawEncoding?: 'utf8' | 'base64';
}

export interface JournalBounds {
  /** Entries that are kept at most; then the oldest goes. */
  readonly entriesMax: number;
  /** Octets of message sources that are kept at most; 0 keeps none. */
  readonly rawBytesMax: number;
}

export interface JournalPosition {
  /** Entries that are there. */
  readonly kept: number;
  /** Oldest entry that is there, or the next one. */
  readonly first: number;
  /** What the next entry will get. */
  readonly next: number;
  /** Entries that went because there were too many. */
  readonly dropped: number;
  readonly rawsKept: number;
  readonly rawBytes: number;
  /** Sources that went because there were too many octets. */
  readonly rawsDropped: number;
}

/** Lines of NDJSON, how many, and where to go on. */
export interface JournalPage {
  readonly bytes: Buffer;
  readonly count: number;
  readonly next: number;
}

const NOTHING = Buffer.alloc(0);
const SEGMENT_ENTRIES = 1_024;
const SEGMENT_BYTES = 262_144;
const CLOSING_BRACE = 0x7d;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Segment {
  bytes: Buffer;
  used: number;
  /** Where each entry ends. */
  readonly ends: Uint32Array;
  count: number;
}

/**
 * What was accepted, in order, as the lines that are served: NDJSON outside of the heap, in segments of 1,024 entries, so that
 * a million entries cost little more than their text.
 */
export class Journal {
  private segments: Segment[] = [];
  /** `seq` of the first entry of the first segment. */
  private base = 0;
  private firstKept = 0;
  private nextSeq = 0;
  private droppedEntries = 0;
  private readonly raws = new Map<number, Buffer>();
  private rawBytes = 0;
  private rawsDropped = 0;
  private readonly bounds: JournalBounds;
  private readonly followers = new Set<() => void>();

  constructor(bounds: JournalBounds) {
    this.bounds = bounds;
  }

  get keepsRaw(): boolean {
    return this.bounds.rawBytesMax > 0;
  }

  /** `raw` may be shared by several entries and must not change. Answers the entry's `seq`. */
  append(entry: Omit<JournalEntry, 'seq' | 'raw' | 'rawEncoding'>, raw: Buffer | null): number {
    const seq = this.nextSeq;
    const { jobId, recipient, messageId, source, at, site, ip, from, bytes } = entry;
    this.write(`${JSON.stringify({ seq, jobId, recipient, messageId, source, at, site, ip, from, bytes })}\n`);
    this.nextSeq++;
    if (raw !== null && raw.length <= this.bounds.rawBytesMax) {
      this.raws.set(seq, raw);
      this.rawBytes += raw.length;
    }
    this.holdBounds();
    for (const follower of this.followers) follower();
    return seq;
  }

  position(): JournalPosition {
    return {
      kept: this.nextSeq - this.firstKept,
      first: this.firstKept,
      next: this.nextSeq,
      dropped: this.droppedEntries,
      rawsKept: this.raws.size,
      rawBytes: this.rawBytes,
      rawsDropped: this.rawsDropped,
    };
  }

  /**
   * Lines from the first kept entry on that is not before `from`, at most `limit` and at most one segment of them. `next` is
   * where to go on; it is that of the journal where there is nothing more. The octets are the journal's own: not to be changed.
   */
  lines(from: number, limit: number): JournalPage {
    const seq = Math.max(from, this.firstKept);
    if (seq >= this.nextSeq || limit <= 0) return { bytes: NOTHING, count: 0, next: Math.min(seq, this.nextSeq) };
    const offset = seq - this.base;
    const segment = this.segments[Math.floor(offset / SEGMENT_ENTRIES)] as Segment;
    const index = offset % SEGMENT_ENTRIES;
    const end = Math.min(index + limit, segment.count);
    const bytes = segment.bytes.subarray(index === 0 ? 0 : segment.ends[index - 1], segment.ends[end - 1]);
    return { bytes, count: end - index, next: seq + end - index };
  }

  /** The first of the same lines, with the message's source in it. */
  lineWithRaw(from: number): JournalPage {
    const { bytes, count, next } = this.lines(from, 1);
    if (count === 0) return { bytes, count, next };
    const raw = this.raws.get(next - 1) ?? null;
    // The line ends with a brace and a line feed: the source goes before them.
    const open = bytes.subarray(0, bytes.lastIndexOf(CLOSING_BRACE));
    return { bytes: Buffer.concat([open, Buffer.from(`,${rawMembers(raw)}}\n`)]), count, next };
  }

  /** Kept entries from `from` on, at most `limit`. */
  entries(options: { readonly from?: number; readonly limit?: number; readonly raw?: boolean } = {}): JournalEntry[] {
    const entries: JournalEntry[] = [];
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    for (let from = options.from ?? 0; from < this.nextSeq && entries.length < limit; ) {
      const page = options.raw ? this.lineWithRaw(from) : this.lines(from, limit - entries.length);
      for (const line of page.bytes.toString('utf8').split('\n')) if (line !== '') entries.push(JSON.parse(line));
      from = page.next;
    }
    return entries;
  }

  /** Forgets every entry. Numbering goes on, so cursors stay true. */
  clear(): void {
    this.segments = [];
    this.base = this.nextSeq;
    this.firstKept = this.nextSeq;
    this.raws.clear();
    this.rawBytes = 0;
  }

  /** Calls `follower` after each entry, until the answer is called. It must not throw. */
  follow(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  private write(line: string): void {
    let last = this.segments.at(-1);
    if (last === undefined || last.count === SEGMENT_ENTRIES) {
      if (last !== undefined) last.bytes = Buffer.from(last.bytes.subarray(0, last.used));
      last = { bytes: Buffer.allocUnsafe(SEGMENT_BYTES), used: 0, ends: new Uint32Array(SEGMENT_ENTRIES), count: 0 };
      this.segments.push(last);
    }
    const bytesMax = line.length * 3;
    if (last.used + bytesMax > last.bytes.length) {
      const larger = Buffer.allocUnsafe((last.used + bytesMax) * 2);
      last.bytes.copy(larger, 0, 0, last.used);
      last.bytes = larger;
    }
    last.used += last.bytes.write(line, last.used, 'utf8');
    last.ends[last.count++] = last.used;
  }

  private holdBounds(): void {
    if (this.nextSeq - this.firstKept > this.bounds.entriesMax) {
      this.dropRaw(this.firstKept);
      this.firstKept++;
      this.droppedEntries++;
      if (this.firstKept - this.base >= SEGMENT_ENTRIES) {
        this.segments.shift();
        this.base += SEGMENT_ENTRIES;
      }
    }
    while (this.rawBytes > this.bounds.rawBytesMax) {
      const oldest = this.raws.keys().next().value as number;
      this.dropRaw(oldest);
      this.rawsDropped++;
    }
  }

  private dropRaw(seq: number): void {
    this.rawBytes -= this.raws.get(seq)?.length ?? 0;
    this.raws.delete(seq);
  }
}

function rawMembers(raw: Buffer | null): string {
  if (raw === null) return '"raw":null';
  try {
    return `"raw":${JSON.stringify(decoder.decode(raw))},"rawEncoding":"utf8"`;
  } catch {
    return `"raw":"${raw.toString('base64')}","rawEncoding":"base64"`;
  }
}

import { type BatchContext, FetchedRecord, type HeaderValue } from './fetched-record.ts';

/** A number of 64 bits in sevens (the protocol's varlong) has so many bytes at most. */
const LONG_BYTES_MAX = 10;

/** The bytes are not those of records. */
export class MalformedError extends Error {}

/** What all records of a batch are counted from. */
export interface Base {
  readonly context: BatchContext;
  readonly offset: number;
  readonly timestamp: number;
  /** The broker's time, where it stands for that of every record; else null. */
  readonly appendTime: number | null;
}

/** Reads records where they lie, one behind the other. Throws MalformedError for what runs over its end. */
export class RecordCursor {
  at: number;
  private readonly bytes: Buffer;
  private readonly end: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** kafkajs copies all headers read so far for each further one: a megabyte of nothing else held the event loop for minutes. */
  record(base: Base): FetchedRecord {
    const length = this.varint();
    const end = this.at + length;
    if (length < 1 || end > this.end) throw new MalformedError('a record does not end');
    const attributes = ((this.bytes[this.at++] as number) << 24) >> 24;
    const timestamp = base.timestamp + this.varint();
    const offset = base.offset + this.varint();
    const key = this.blob();
    const value = this.blob();
    const headers = this.headers();
    // Nothing is read backwards: what had gone beyond the record could not end where the record does.
    if (this.at !== end) throw new MalformedError('a record ends elsewhere');
    const { context, appendTime } = base;
    return new FetchedRecord(
      context,
      offset,
      appendTime ?? timestamp,
      attributes,
      key,
      value,
      headers,
      context.isControlBatch,
    );
  }

  /**
   * A zigzag number: a varint, or a varlong as far as a double holds twice of it exactly. kafkajs makes half a dozen big
   * integers for each byte of a varlong, and there is one in every record: the milliseconds since the batch's first.
   */
  varint(): number {
    const byte = this.at < this.end ? (this.bytes[this.at] as number) : 0x80;
    if (byte >= 0x80) return this.longVarint();
    this.at++;
    return (byte >>> 1) ^ -(byte & 1);
  }

  private longVarint(): number {
    let value = 0;
    let factor = 1;
    for (let length = 0; length < LONG_BYTES_MAX && this.at < this.end; length++) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 0x80;
    }
    throw new MalformedError('a number does not end');
  }

  private blob(): Buffer | null {
    const length = this.varint();
    if (length === -1) return null;
    const start = this.at;
    if (length < 0 || length > this.end - start) throw new MalformedError('bytes do not end');
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  /** Headers into one object, in linear time; a repeated name holds a list. Null for none. */
  private headers(): Record<string, HeaderValue> | null {
    const count = this.varint();
    if (count === 0 || count === -1) return null;
    if (count < 0) throw new MalformedError('headers are fewer than none');
    const headers: Record<string, HeaderValue> = {};
    for (let n = 0; n < count; n++) {
      const name = String(this.blob());
      const value = this.blob();
      // An assignment to this name would set the object's prototype.
      if (name === '__proto__') continue;
      const earlier = Object.hasOwn(headers, name) ? headers[name] : undefined;
      if (earlier === undefined) headers[name] = value;
      else if (Array.isArray(earlier)) earlier.push(value);
      else headers[name] = [earlier, value];
    }
    return headers;
  }
}

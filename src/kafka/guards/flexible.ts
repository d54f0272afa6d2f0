/**
 * The flexible versions of Kafka's protocol (KIP-482), as far as the guards speak them: compact strings and arrays, and
 * structures that end with tagged fields. kafkajs itself speaks older versions of the requests in question.
 */

/** One exchange of the protocol, as kafkajs wants it. */
export interface Exchange {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<object>;
  };
  readonly response: {
    decode(bytes: Buffer): Promise<unknown>;
    parse(decoded: never): Promise<unknown>;
  };
}

/** A module `protocol/requests/<name>`: the versions that kafkajs speaks, and how. */
export interface RequestModule<F> {
  readonly versions: readonly string[];
  protocol(options: { readonly version: number }): (fields: F) => Exchange;
}

const NO_TAGS = 0;

/** Writes a body. kafkajs writes the older request header before it; the newer one only ends with tagged fields. */
export class FlexibleWriter {
  private readonly parts: Buffer[] = [];

  constructor() {
    this.tags();
  }

  int16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeInt16BE(value);
    return this.bytes(bytes);
  }

  int32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return this.bytes(bytes);
  }

  int64(value: number | string | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(value));
    return this.bytes(bytes);
  }

  boolean(value: boolean): this {
    return this.bytes(Buffer.from([value ? 1 : 0]));
  }

  string(value: string | null): this {
    if (value === null) return this.unsigned(0);
    const text = Buffer.from(value);
    return this.unsigned(text.length + 1).bytes(text);
  }

  array<T>(items: readonly T[] | null, write: (item: T) => void): this {
    if (items === null) return this.unsigned(0);
    this.unsigned(items.length + 1);
    for (const item of items) write(item);
    return this;
  }

  /** No tagged fields: the end of a structure. */
  tags(): this {
    return this.unsigned(NO_TAGS);
  }

  /** What kafkajs needs of its own encoder where it puts a body behind a header. */
  finish(): { readonly buf: Buffer; readonly buffer: Buffer; size(): number } {
    const whole = Buffer.concat(this.parts);
    return { buf: whole, buffer: whole, size: () => whole.length };
  }

  private unsigned(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
    return this.bytes(Buffer.from(bytes));
  }

  private bytes(bytes: Buffer): this {
    this.parts.push(bytes);
    return this;
  }
}

/** Reads an answer from behind its correlation id on. Throws RangeError where it is cut short. */
export class FlexibleReader {
  private at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.tags();
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  int64(): bigint {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8);
  }

  string(): string | null {
    const length = this.unsigned() - 1;
    if (length < 0) return null;
    this.skip(length);
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  array<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.unsigned() - 1; left > 0; left--) items.push(read());
    return items;
  }

  tags(): void {
    for (let left = this.unsigned(); left > 0; left--) {
      this.unsigned();
      this.skip(this.unsigned());
    }
  }

  private unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  private skip(length: number): void {
    this.at += length;
    if (this.at > this.bytes.length) throw new RangeError('an answer of the broker is cut short');
  }
}

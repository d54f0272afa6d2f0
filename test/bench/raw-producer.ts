import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { crc32c } from '../../src/kafka/guards/crc32c.ts';

/** Protocol guide of Kafka: Produce, which every broker from 2.1 on knows in this version. */
const PRODUCE = 0;
const VERSION = 7;
const TIMEOUT_MS = 30_000;
/** A topic that was just made may be without its leaders for a moment. */
const NOT_LEADER = 6;
const RETRIES_MAX = 100;
const RETRY_MS = 100;
/** A batch before its records (KIP-98); its length counts from behind the first offset and itself, its checksum from 21. */
const HEAD_BYTES = 61;
const LENGTH_FROM = 12;
const CHECKSUM_AT = 17;
const CHECKED_FROM = 21;
const COUNT_AT = 57;
/** Length, attributes, two deltas, two lengths and no headers: at most. */
const RECORD_HEAD_BYTES = 32;

/** A batch of records as it lies in the log, without compression; it is filled record by record. */
export class RawBatch {
  private readonly bytes: Buffer;
  private end = HEAD_BYTES;
  private count = 0;
  private readonly at: number;

  constructor(bytesMax: number, at: number) {
    this.bytes = Buffer.alloc(bytesMax);
    this.at = at;
  }

  get empty(): boolean {
    return this.count === 0;
  }

  hasRoomFor(key: Buffer, value: Buffer): boolean {
    return this.end + key.length + value.length + RECORD_HEAD_BYTES <= this.bytes.length;
  }

  add(key: Buffer, value: Buffer): void {
    const lengths = varintBytes(key.length) + varintBytes(value.length) + varintBytes(this.count);
    // Attributes, no time beside that of the batch, and no headers: one byte each.
    this.varint(3 + lengths + key.length + value.length);
    this.end += 2;
    this.bytes.fill(0, this.end - 2, this.end);
    this.varint(this.count++);
    this.varint(key.length);
    this.end += key.copy(this.bytes, this.end);
    this.varint(value.length);
    this.end += value.copy(this.bytes, this.end);
    this.bytes[this.end++] = 0;
  }

  private varint(number: number): void {
    let left = 2 * number;
    for (; left >= 0x80; left >>>= 7) this.bytes[this.end++] = (left & 0x7f) | 0x80;
    this.bytes[this.end++] = left;
  }

  /** The batch, good until the next record is added; the next one begins a new batch. */
  finish(): Buffer {
    const batch = this.bytes.subarray(0, this.end);
    batch.fill(0, 0, HEAD_BYTES);
    batch.writeInt32BE(batch.length - LENGTH_FROM, 8);
    batch.writeInt32BE(-1, 12);
    batch[16] = 2;
    batch.writeInt32BE(this.count - 1, 23);
    batch.writeBigInt64BE(BigInt(this.at), 27);
    batch.writeBigInt64BE(BigInt(this.at), 35);
    // Producer, its epoch and the first sequence number: none.
    batch.fill(0xff, 43, COUNT_AT);
    batch.writeInt32BE(this.count, COUNT_AT);
    batch.writeUInt32BE(crc32c(batch, CHECKED_FROM), CHECKSUM_AT);
    this.end = HEAD_BYTES;
    this.count = 0;
    return batch;
  }
}

function varintBytes(number: number): number {
  let bytes = 1;
  for (let left = 2 * number; left >= 0x80; left >>>= 7) bytes++;
  return bytes;
}

/** Appends finished batches to the partitions of one broker, one request after the other: for benches that need millions of records first. */
export class RawProducer {
  private readonly socket: Socket;
  private answer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async connect(broker: string): Promise<RawProducer> {
    const { hostname, port } = new URL(`kafka://${broker}`);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawProducer(socket);
  }

  async append(topic: string, partition: number, batch: Buffer): Promise<void> {
    for (let left = RETRIES_MAX; ; left--) {
      const error = await this.request(topic, partition, batch);
      if (error === 0) return;
      if (error !== NOT_LEADER || left === 0) throw new Error(`the broker refuses a batch with error ${error}`);
      await pause(RETRY_MS);
    }
  }

  private request(topic: string, partition: number, batch: Buffer): Promise<number> {
    const head = Buffer.alloc(64 + topic.length);
    let at = head.writeInt16BE(PRODUCE, 4);
    at = head.writeInt16BE(VERSION, at);
    at = head.writeInt32BE(0, at);
    at = head.writeInt16BE(-1, at); // no client id
    at = head.writeInt16BE(-1, at); // no transaction
    at = head.writeInt16BE(-1, at); // all replicas
    at = head.writeInt32BE(TIMEOUT_MS, at);
    at = head.writeInt32BE(1, at);
    at = head.writeInt16BE(topic.length, at);
    at += head.write(topic, at);
    at = head.writeInt32BE(1, at);
    at = head.writeInt32BE(partition, at);
    at = head.writeInt32BE(batch.length, at);
    head.writeInt32BE(at - 4 + batch.length, 0);
    this.socket.write(head.subarray(0, at));
    this.socket.write(batch);
    return this.acknowledged(topic);
  }

  /** The error of the answer; 0 for none. */
  private async acknowledged(topic: string): Promise<number> {
    this.answer = Buffer.alloc(0);
    while (this.answer.length < 4 || this.answer.length < 4 + this.answer.readInt32BE(0)) {
      const [data] = (await once(this.socket, 'data')) as [Buffer];
      this.answer = Buffer.concat([this.answer, data]);
    }
    // Size, correlation, one topic and its name, one partition and its number.
    return this.answer.readInt16BE(4 + 4 + 4 + 2 + topic.length + 4 + 4);
  }

  close(): void {
    this.socket.destroy();
  }
}

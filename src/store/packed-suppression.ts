import type { Suppression } from '../contracts/generated.ts';
import { copied } from './copied.ts';
import { digits, isHex, isUuid, UUID_LENGTH } from './id-forms.ts';
import { type RepeatedStrings, STRING_BYTES_MAX } from './repeated-strings.ts';
import { type RowPacking, writeNumber, zigzag } from './row-packing.ts';
import {
  ACTIVE,
  AS_DIGITS,
  AS_HEX,
  AS_TEXT,
  AS_UUID,
  AT_SINCE,
  BINDS,
  EVIDENCE_TENANT,
  EVIDENCE_TYPE,
  EVIDENCE_UNTIL,
  HAS_CLASS,
  HAS_RULE_VERSION,
  HAS_TENANT,
  HAS_TYPE,
  HAS_UNTIL,
  HAS_WHO,
  HAS_WHY,
  KINDS,
  SEVERITIES,
  TIME_ZERO,
  TYPES,
} from './suppression-layout.ts';
import { SuppressionReader } from './suppression-reader.ts';

const WIRE_HEADER_BYTES = 5;
const VALUE_BYTES_MAX = 32_768;
/** Times in milliseconds beyond it are not packed: differences of two must stay exact. */
const TIME_MAX = 2 ** 50;
/** Bytes before the subject in a key, at most, plus one. */
const PREFIX_MAX = 100;
const EVENT_ID_BYTES_MAX = 256;
const HEX_BYTES_MIN = 8;

const COLON = 0x3a;
const SLASH = 0x2f;

/**
 * A suppression in about a sixth of its bytes: without the subject, which is its key; strings that many rows share by
 * number; ids that are numbers, UUIDs or hashes in binary; times by their distance from another.
 */
export class SuppressionPacking implements RowPacking<Suppression> {
  readonly format = 5;
  readonly valueBytesMax = VALUE_BYTES_MAX;
  private readonly reader = new SuppressionReader();
  private source: Buffer = Buffer.alloc(0);
  /** Where reading the source goes on; NaN once it is not of the common form. */
  private next = 0;
  private target: Buffer = Buffer.alloc(0);
  private end = 0;
  private strings: RepeatedStrings | null = null;

  pack(key: Buffer, value: Buffer, target: Buffer, from: number, strings: RepeatedStrings): number {
    this.source = value;
    this.next = WIRE_HEADER_BYTES;
    this.target = target;
    this.end = from + 1;
    this.strings = strings;
    this.packSubject(key);
    let head = this.choice(2, 1) === 1 ? ACTIVE : 0;
    head |= this.choice(SEVERITIES.length);
    const since = this.time();
    this.put(zigzag(since - TIME_ZERO));
    if (this.choice(2) === 1) {
      head |= HAS_UNTIL;
      this.put(zigzag(this.time() - since));
    }
    if (this.packOptional()) head |= HAS_TENANT;
    if (this.choice(2) === 1) {
      head |= HAS_TYPE;
      this.put(this.choice(TYPES.length));
    }
    const count = this.long();
    if (!(count >= 0 && count <= value.length)) return -1;
    this.put(count);
    for (let n = 0; n < count && !Number.isNaN(this.next); n++) this.packEvidence(since);
    // One block of all, then the block of none that ends the list.
    if (count > 0 && this.long() !== 0) return -1;
    if (this.next !== value.length) return -1;
    target[from] = head;
    return this.end;
  }

  /** How many bytes of the key come before the subject, plus one; 0, and the subject, where the key does not end with it. */
  private packSubject(key: Buffer): void {
    const length = this.long();
    const prefix = key.length - length;
    const from = this.next;
    this.skip(length);
    if (Number.isNaN(this.next)) return;
    if (prefix >= 0 && prefix < PREFIX_MAX && isAscii(key, prefix) && endsWith(key, prefix, this.source, from)) {
      this.put(prefix + 1);
      return;
    }
    this.put(0);
    this.put(length);
    this.copy(from, length);
  }

  private packEvidence(since: number): void {
    const headAt = this.end;
    this.end += 2;
    this.packEventId();
    const kind = this.choice(KINDS.length);
    const at = this.time();
    let has = 0;
    if (at === since) has |= AT_SINCE;
    else this.put(zigzag(at - since));
    if (this.packOptional()) has |= HAS_CLASS;
    if (this.packOptional()) has |= HAS_RULE_VERSION;
    const severity = this.choice(SEVERITIES.length);
    const binds = this.choice(2, 1) === 1 ? BINDS : 0;
    if (this.choice(2) === 1) {
      has |= EVIDENCE_UNTIL;
      this.put(zigzag(this.time() - at));
    }
    if (this.packOptional()) has |= EVIDENCE_TENANT;
    if (this.choice(2) === 1) {
      has |= EVIDENCE_TYPE;
      this.put(this.choice(TYPES.length));
    }
    if (this.packOptional()) has |= HAS_WHO;
    if (this.packOptional()) has |= HAS_WHY;
    this.target[headAt] = kind | (severity << 4) | binds;
    this.target[headAt + 1] = has;
  }

  /** Up to the last separator as a string that others share, and the rest as what it is. */
  private packEventId(): void {
    const length = this.long();
    const from = this.next;
    this.skip(length);
    if (Number.isNaN(this.next)) return;
    const { source } = this;
    const end = from + length;
    let split = from;
    if (length <= EVENT_ID_BYTES_MAX) {
      split = end;
      while (split > from && source[split - 1] !== COLON && source[split - 1] !== SLASH) split--;
    }
    this.packString(from, split - from);
    const rest = end - split;
    const number = digits(source, split, end);
    if (number >= 0) this.put(number * 4 + AS_DIGITS);
    else if (rest === UUID_LENGTH && isUuid(source, split)) {
      this.put(AS_UUID);
      this.putHex(source.toString('latin1', split, end).replaceAll('-', ''));
    } else if (rest >= HEX_BYTES_MIN && rest % 2 === 0 && rest <= EVENT_ID_BYTES_MAX && isHex(source, split, end)) {
      this.put((rest / 2) * 4 + AS_HEX);
      this.putHex(source.toString('latin1', split, end));
    } else {
      this.put(rest * 4 + AS_TEXT);
      this.copy(split, rest);
    }
  }

  /** A string or null; answers whether there was one. */
  private packOptional(): boolean {
    if (this.choice(2) !== 1) return false;
    const length = this.long();
    const from = this.next;
    this.skip(length);
    if (Number.isNaN(this.next)) return false;
    this.packString(from, length);
    return true;
  }

  private packString(from: number, length: number): void {
    if (length > 0 && length <= STRING_BYTES_MAX) {
      const number = this.strings?.numberOf(this.source, from, length) ?? -1;
      if (number >= 0) return this.put(number * 2);
    }
    this.put(length * 2 + 1);
    this.copy(from, length);
  }

  /** One of so many branches or symbols; or, with a factor of 1, a boolean. */
  private choice(count: number, factor = 2): number {
    const byte = this.source[this.next++] ?? Number.NaN;
    const choice = byte / factor;
    if (choice < count && Number.isInteger(choice)) return choice;
    this.next = Number.NaN;
    return 0;
  }

  private time(): number {
    const time = this.long();
    if (time >= -TIME_MAX && time <= TIME_MAX) return time;
    this.next = Number.NaN;
    return 0;
  }

  /** A zigzag number; beyond what a double holds exactly it is not of the common form. */
  private long(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 53; factor *= 128) {
      const byte = this.source[this.next++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte >= 0x80) continue;
      if (value > Number.MAX_SAFE_INTEGER) break;
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    this.next = Number.NaN;
    return 0;
  }

  private skip(length: number): void {
    this.next = length >= 0 && length <= this.source.length - this.next ? this.next + length : Number.NaN;
  }

  private put(number: number): void {
    this.end = writeNumber(this.target, this.end, number);
  }

  private putHex(hex: string): void {
    this.end += this.target.write(hex, this.end, 'hex');
  }

  private copy(from: number, length: number): void {
    this.end = copied(this.source, from, length, this.target, this.end);
  }

  unpack(key: string, bytes: Buffer, from: number, strings: RepeatedStrings): Suppression {
    return this.reader.read(key, bytes, from, strings);
  }
}

function isAscii(bytes: Buffer, end: number): boolean {
  for (let at = 0; at < end; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

function endsWith(key: Buffer, prefix: number, source: Buffer, from: number): boolean {
  for (let at = prefix; at < key.length; at++) if (key[at] !== source[from + at - prefix]) return false;
  return true;
}

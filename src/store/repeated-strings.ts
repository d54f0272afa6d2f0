/** Beyond so many, strings are kept in the rows. Some megabytes at most. */
const STRINGS_MAX = 16_384;
/** A longer one is kept in its row. */
export const STRING_BYTES_MAX = 256;
/** Strings that were seen once, at most; then all of them are forgotten. */
const CANDIDATES_MAX = 4_096;
/** Strings that are found by some of their bytes, without being made. */
const SLOTS = 4_096;

/**
 * Strings that many rows share (rules, reasons, tenants, topics), by number. One gets its number when it is seen for the
 * second time: what is in one row only, as an operator's own words, must not use the numbers up. Numbers never change.
 */
export class RepeatedStrings {
  /** By their UTF-8 bytes in Latin-1, one character a byte, so that none is lost. */
  private readonly numbers = new Map<string, number>();
  private readonly texts: string[] = [];
  private readonly candidates = new Set<string>();
  private readonly slots: ({ readonly number: number; readonly bytes: Buffer } | undefined)[] = new Array(SLOTS);
  private unsaved: { readonly number: number; readonly bytes: Buffer }[] = [];

  /** What was saved, in the order of numbers. */
  load(bytes: Buffer): void {
    this.numbers.set(bytes.toString('latin1'), this.texts.length);
    this.texts.push(bytes.toString('utf8'));
  }

  /** The number of a string of 1 to `STRING_BYTES_MAX` bytes; -1 where it has none. */
  numberOf(source: Buffer, from: number, length: number): number {
    const slot = slotOf(source, from, length);
    const found = this.slots[slot];
    if (found !== undefined && isAt(found.bytes, source, from, length)) return found.number;
    const latin1 = source.toString('latin1', from, from + length);
    const number = this.numbered(latin1);
    if (number >= 0) this.slots[slot] = { number, bytes: Buffer.from(latin1, 'latin1') };
    return number;
  }

  private numbered(latin1: string): number {
    const known = this.numbers.get(latin1);
    if (known !== undefined) return known;
    if (this.texts.length >= STRINGS_MAX) return -1;
    if (!this.candidates.delete(latin1)) {
      if (this.candidates.size >= CANDIDATES_MAX) this.candidates.clear();
      this.candidates.add(latin1);
      return -1;
    }
    const number = this.texts.length;
    const bytes = Buffer.from(latin1, 'latin1');
    this.load(bytes);
    this.unsaved.push({ number, bytes });
    return number;
  }

  /** Undefined where no string has the number. */
  textOf(number: number): string | undefined {
    return this.texts[number];
  }

  /** Strings that are to be saved in the same transaction as the rows that use them; they stay so until `saved`. */
  toSave(): readonly { readonly number: number; readonly bytes: Buffer }[] {
    return this.unsaved;
  }

  /** The transaction that saved them has committed. */
  saved(): void {
    if (this.unsaved.length > 0) this.unsaved = [];
  }
}

/** Enough of a string to tell it from most others: its length, and some bytes from both ends. */
function slotOf(source: Buffer, from: number, length: number): number {
  let hash = length;
  const last = from + length - 1;
  for (let n = 0; n < 6 && n < length; n++) {
    hash = (Math.imul(hash, 31) + (source[last - n] as number)) | 0;
    hash = (Math.imul(hash, 31) + (source[from + n] as number)) | 0;
  }
  return (hash ^ (hash >>> 12)) & (SLOTS - 1);
}

function isAt(bytes: Buffer, source: Buffer, from: number, length: number): boolean {
  if (bytes.length !== length) return false;
  for (let n = 0; n < length; n++) if (bytes[n] !== source[from + n]) return false;
  return true;
}

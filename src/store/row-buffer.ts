import { copied } from './copied.ts';

/** Memory is reserved at once, and taken as it is written to. */
const BYTES_MAX = 48 * 1024 * 1024;
/** A row of the largest value still fits behind as many bytes as that. */
const SPARE_BYTES = 2 * 1024 * 1024;
const ROWS_MAX = 768 * 1024;
/** Before a row: the length of its key in two bytes, and of its value in four. */
const HEAD_BYTES = 6;
/** A range of fewer rows is sorted by insertion. */
const INSERTION_MAX = 12;
/** One for every byte, and one for keys that end. */
const BUCKETS = 257;
/** Four bytes of every key are sorted by so many bits at a time. */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

/**
 * Rows in memory that wait to be stored, many at once and in the order of their keys: rows that lie beside each other then
 * change a page of the store once, and not each of them another one. Half a million rows among three millions took 1.2 to
 * 1.6 µs each so, instead of 8 to 13 in the order in which they came (measured on lmdb as `StoreHome` opens it).
 */
export class RowBuffer {
  private readonly memory = Buffer.allocUnsafeSlow(BYTES_MAX + SPARE_BYTES);
  private bytes = 0;
  /** Where each row lies, in the order in which they came. */
  private readonly placeOf = new Uint32Array(ROWS_MAX);
  private rows = 0;
  /** Numbers of rows, in order as far as they are sorted. */
  private order = new Uint32Array(ROWS_MAX);
  private scattered = new Uint32Array(ROWS_MAX);
  private readonly words = new Uint32Array(ROWS_MAX);

  get full(): boolean {
    return this.rows >= ROWS_MAX || this.bytes >= BYTES_MAX;
  }

  /**
   * Adds the newest row of a key, of which the bytes from `from` on are kept behind a mark: the first bytes of a value, or none
   * where it is removed. Not to be called when full.
   */
  add(mark: number, key: Buffer, from: number, value: Buffer, valueBytes: number): void {
    const { memory } = this;
    let at = this.bytes;
    this.placeOf[this.rows++] = at;
    const keyBytes = key.length - from + 1;
    memory[at] = keyBytes & 0xff;
    memory[at + 1] = keyBytes >> 8;
    memory[at + 2] = valueBytes & 0xff;
    memory[at + 3] = (valueBytes >> 8) & 0xff;
    memory[at + 4] = valueBytes >> 16;
    memory[at + HEAD_BYTES] = mark;
    at += HEAD_BYTES + 1;
    at = copied(key, from, key.length - from, memory, at);
    this.bytes = copied(value, 0, valueBytes, memory, at);
  }

  /** Key of a row with its mark, until the buffer is emptied. */
  keyOf(row: number): Buffer {
    const from = this.keyAt(row);
    return this.memory.subarray(from, from + this.keyBytes(row));
  }

  /** Value of a row, until the buffer is emptied; null where it was removed. */
  valueOf(row: number): Buffer | null {
    const { memory } = this;
    const place = this.placeOf[row] as number;
    const length =
      (memory[place + 2] as number) | ((memory[place + 3] as number) << 8) | ((memory[place + 4] as number) << 16);
    const from = place + HEAD_BYTES + this.keyBytes(row);
    return length === 0 ? null : memory.subarray(from, from + length);
  }

  private keyAt(row: number): number {
    return (this.placeOf[row] as number) + HEAD_BYTES;
  }

  private keyBytes(row: number): number {
    const place = this.placeOf[row] as number;
    return (this.memory[place] as number) | ((this.memory[place + 1] as number) << 8);
  }

  /**
   * Rows by the bytes of their keys, the newest of each key only. Sorted further while it is read: to sort all before the
   * first would block the event loop for longer (once some 30 ms, for half a million rows).
   */
  *inOrder(): Generator<number, void> {
    const { order, rows } = this;
    for (let row = 0; row < rows; row++) order[row] = row;
    const shared = this.sharedBytes(0, rows, 0);
    this.sortByWord(shared);
    const { words } = this;
    for (let from = 0, end = 1; from < rows; from = end++) {
      const word = words[this.order[from] as number];
      while (end < rows && words[this.order[end] as number] === word) end++;
      // Most words are of few keys: nothing is made for them.
      if (end - from > INSERTION_MAX) {
        yield* this.range(from, end, shared);
        continue;
      }
      if (end > from + 1) this.insert(from, end, shared);
      for (let at = from; at < end; at++) if (this.isNewest(at, end, shared)) yield this.order[at] as number;
    }
  }

  /** Sorts all by four bytes of their keys, as if zeros followed them, and keeps the order of those that have them in common. */
  private sortByWord(depth: number): void {
    const { words, rows, memory } = this;
    for (let row = 0; row < rows; row++) {
      const from = this.keyAt(row) + depth;
      const left = this.keyBytes(row) - depth;
      let word = 0;
      for (let n = 0; n < 4; n++) word = (word << 8) | (n < left ? (memory[from + n] as number) : 0);
      words[row] = word;
    }
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
      const { order, scattered } = this;
      const next = new Uint32Array(DIGITS + 1);
      for (let row = 0; row < rows; row++) {
        const digit = (((words[row] as number) >>> shift) & (DIGITS - 1)) + 1;
        next[digit] = (next[digit] as number) + 1;
      }
      for (let digit = 1; digit < DIGITS; digit++) next[digit] = (next[digit] as number) + (next[digit - 1] as number);
      for (let at = 0; at < rows; at++) {
        const row = order[at] as number;
        const digit = ((words[row] as number) >>> shift) & (DIGITS - 1);
        const place = next[digit] as number;
        scattered[place] = row;
        next[digit] = place + 1;
      }
      this.order = scattered;
      this.scattered = order;
    }
  }

  /** The rows of a range, whose keys begin with some bytes alike. */
  private *range(from: number, end: number, depth: number): Generator<number, void> {
    const { order } = this;
    const ranges = [{ from, end, depth }];
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
      if (range.end - range.from <= INSERTION_MAX) {
        this.insert(range.from, range.end, range.depth);
        for (let at = range.from; at < range.end; at++) {
          if (this.isNewest(at, range.end, range.depth)) yield order[at] as number;
        }
        continue;
      }
      const shared = this.sharedBytes(range.from, range.end, range.depth);
      const ends = this.scatter(range.from, range.end, shared);
      // Keys that end here are all the same, and in the order in which they came.
      const ended = ends[0] as number;
      if (ended > range.from) yield order[ended - 1] as number;
      for (let bucket = BUCKETS - 1; bucket > 0; bucket--) {
        const [first, last] = [ends[bucket - 1] as number, ends[bucket] as number];
        if (last > first) ranges.push({ from: first, end: last, depth: shared + 1 });
      }
    }
  }

  /** Whether none behind it in a sorted range is of the same key. */
  private isNewest(at: number, end: number, depth: number): boolean {
    return at + 1 === end || this.compare(this.order[at] as number, this.order[at + 1] as number, depth) !== 0;
  }

  /** How many bytes all keys of the range begin with alike, of which some are known. */
  private sharedBytes(from: number, end: number, known: number): number {
    if (from === end) return known;
    const { memory, order } = this;
    const first = order[from] as number;
    const firstKey = this.keyAt(first);
    let shared = this.keyBytes(first);
    for (let at = from + 1; at < end && shared > known; at++) {
      const row = order[at] as number;
      const key = this.keyAt(row);
      shared = Math.min(shared, this.keyBytes(row));
      let same = known;
      while (same < shared && memory[key + same] === memory[firstKey + same]) same++;
      shared = same;
    }
    return shared;
  }

  /** Sorts a range by one byte, and keeps the order of those that have it in common; answers where each bucket ends. */
  private scatter(from: number, end: number, depth: number): Uint32Array {
    const { order, scattered } = this;
    const ends = new Uint32Array(BUCKETS);
    for (let at = from; at < end; at++) {
      const bucket = this.bucketOf(order[at] as number, depth);
      ends[bucket] = (ends[bucket] as number) + 1;
    }
    let total = from;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = ends[bucket] as number;
      ends[bucket] = total;
      total += count;
    }
    for (let at = from; at < end; at++) {
      const row = order[at] as number;
      const bucket = this.bucketOf(row, depth);
      const place = ends[bucket] as number;
      scattered[place] = row;
      ends[bucket] = place + 1;
    }
    order.set(scattered.subarray(from, end), from);
    return ends;
  }

  private bucketOf(row: number, depth: number): number {
    return depth >= this.keyBytes(row) ? 0 : (this.memory[this.keyAt(row) + depth] as number) + 1;
  }

  private insert(from: number, end: number, depth: number): void {
    const { order } = this;
    for (let sorted = from + 1; sorted < end; sorted++) {
      const row = order[sorted] as number;
      let at = sorted;
      while (at > from && this.compare(order[at - 1] as number, row, depth) > 0) order[at] = order[--at] as number;
      order[at] = row;
    }
  }

  /** Keys that begin with some bytes alike; a loop, as they differ soon behind those. */
  private compare(left: number, right: number, depth: number): number {
    const { memory } = this;
    const [leftKey, rightKey] = [this.keyAt(left), this.keyAt(right)];
    const [leftBytes, rightBytes] = [this.keyBytes(left), this.keyBytes(right)];
    for (let at = depth; at < leftBytes && at < rightBytes; at++) {
      const difference = (memory[leftKey + at] as number) - (memory[rightKey + at] as number);
      if (difference !== 0) return difference;
    }
    return leftBytes - rightBytes;
  }

  /** Forgets all rows, and keeps the memory for the next ones. */
  empty(): void {
    this.rows = 0;
    this.bytes = 0;
  }
}

/** Numbers that look like chance and are the same for the same seed: `mulberry32`, by Tommy Ettinger. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` up to and without `end`. */
  between(min: number, end: number): number {
    return min + Math.floor(this.next() * (end - min));
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[this.between(0, from.length)] as T;
  }

  /** The same elements in another order. */
  shuffled<T>(all: readonly T[]): T[] {
    const mixed = [...all];
    for (let n = mixed.length - 1; n > 0; n--) {
      const other = this.between(0, n + 1);
      [mixed[n], mixed[other]] = [mixed[other] as T, mixed[n] as T];
    }
    return mixed;
  }
}

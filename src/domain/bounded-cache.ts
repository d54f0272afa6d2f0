import type { Millis } from './time.ts';

/** Values that hold for a time, at most so many: the one that was put in first makes room. */
export class BoundedCache<V> {
  private readonly entries = new Map<string, { readonly value: V; readonly until: Millis }>();
  private readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  get(key: string, now: Millis): V | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > now) return entry.value;
    this.entries.delete(key);
    return undefined;
  }

  set(key: string, value: V, until: Millis): void {
    this.entries.delete(key);
    this.entries.set(key, { value, until });
    if (this.entries.size > this.max) this.entries.delete(this.entries.keys().next().value as string);
  }

  get size(): number {
    return this.entries.size;
  }
}

/**
 * A map that forgets: past `sizeMax` entries the one that was set longest ago goes. For state whose loss is harmless (a
 * key that is forgotten may be granted one burst more).
 */
export class BoundedMap<K, V> {
  private readonly entries = new Map<K, V>();
  private readonly sizeMax: number;
  constructor(sizeMax: number) {
    this.sizeMax = sizeMax;
  }

  get(key: K): V | undefined {
    return this.entries.get(key);
  }

  set(key: K, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.sizeMax) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }

  clear(): void {
    this.entries.clear();
  }

  get size(): number {
    return this.entries.size;
  }
}

/** What may be under way at once in a process. Who finds no room is called when there is some, in the order of asking. */
export class Slots {
  private readonly max: number;
  private used = 0;
  private readonly waiting = new Set<() => void>();

  constructor(max: number) {
    this.max = max;
  }

  get underWay(): number {
    return this.used;
  }

  /** False where there is no room; `call` is then called once. */
  take(call: () => void): boolean {
    if (this.used >= this.max) {
      this.waiting.add(call);
      return false;
    }
    this.used++;
    return true;
  }

  free(): void {
    this.used--;
    const [next] = this.waiting;
    if (next === undefined) return;
    this.waiting.delete(next);
    next();
  }

  /** No longer to be called. */
  forget(call: () => void): void {
    this.waiting.delete(call);
  }
}

/** Lets an attempt be ended from outside, at whatever it is waiting for. Costs less than an AbortSignal per mail. */
export class Abortable {
  private aborted = false;
  private hook: (() => void) | null = null;

  /** From now on `abort` means this; at once, where it was aborted before. */
  during(hook: () => void): void {
    this.hook = hook;
    if (this.aborted) hook();
  }

  over(): void {
    this.hook = null;
  }

  get isAborted(): boolean {
    return this.aborted;
  }

  abort(): void {
    this.aborted = true;
    this.hook?.();
  }
}

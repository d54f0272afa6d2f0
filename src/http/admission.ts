/** What is under way at most. */
export interface AdmissionBounds {
  readonly requestsMax: number;
  /** Bodies of all requests together. */
  readonly bytesMax: number;
}

/** Keeps count of what is under way, so that memory stays bounded however many ask at once. */
export class Admission {
  private readonly bounds: AdmissionBounds;
  private requests = 0;
  private bytes = 0;

  constructor(bounds: AdmissionBounds) {
    this.bounds = bounds;
  }

  /** Takes a request in; null where there is no room. The answer gives the room back, once. */
  enter(bytes: number): (() => void) | null {
    const { requestsMax, bytesMax } = this.bounds;
    // One that is alone is always taken: its own limit bounds it.
    if (this.requests >= requestsMax || (this.requests > 0 && this.bytes + bytes > bytesMax)) return null;
    this.requests++;
    this.bytes += bytes;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.requests--;
      this.bytes -= bytes;
    };
  }

  get underWay(): number {
    return this.requests;
  }
}

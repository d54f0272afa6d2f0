/** The terminal, or whatever standard error is. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const REDRAW_MS = 100;
const CLEAR = '\r\u001b[2K';

/** One line at the bottom of a terminal that is rewritten as things go on. Where there is no terminal it shows nothing. */
export class ProgressLine {
  private readonly stream: ProgressStream;
  private readonly text: () => string;
  private readonly now: () => number;
  private drawnAt = Number.NEGATIVE_INFINITY;
  private isDrawn = false;

  constructor(stream: ProgressStream, text: () => string, now: () => number = () => performance.now()) {
    this.stream = stream;
    this.text = text;
    this.now = now;
  }

  /** Redraws, if the last time is long enough ago. */
  tick(): void {
    if (!this.stream.isTTY || this.now() - this.drawnAt < REDRAW_MS) return;
    this.drawnAt = this.now();
    this.isDrawn = true;
    this.stream.write(CLEAR + this.text());
  }

  /** Makes room for an ordinary line. */
  clear(): void {
    if (this.isDrawn) this.stream.write(CLEAR);
    this.isDrawn = false;
    this.drawnAt = Number.NEGATIVE_INFINITY;
  }
}

import { stderr } from 'node:process';
import type { ImportCounts } from '../../../producers/import/checkpoint.ts';
import { SECOND_MS } from '../../domain/time.ts';
import { ProgressLine, type ProgressStream } from '../progress-line.ts';

const count = (number: number): string => Math.round(number).toLocaleString('en');
/** Rates are told over about this long. */
const WINDOW_MS = 5 * SECOND_MS;
/** Where there is no terminal, a line this often. */
const TOLD_EVERY_MS = 10 * SECOND_MS;

interface Mark {
  readonly at: number;
  readonly rows: number;
  readonly share: number | null;
}

/** Tells how far an import is: on a terminal by one line that is rewritten, else by a line now and then. */
export class ImportProgress {
  private readonly line: ProgressLine;
  private readonly tell: (line: string) => void;
  private readonly share: () => number | null;
  private readonly stream: ProgressStream;
  private readonly now: () => number;
  private counts: ImportCounts;
  private marks: readonly Mark[];
  private toldAt: number;

  /** `now` is in milliseconds of any steady clock. */
  constructor(
    counts: ImportCounts,
    share: () => number | null,
    tell: (line: string) => void,
    stream: ProgressStream = stderr,
    now: () => number = () => performance.now(),
  ) {
    this.line = new ProgressLine(stream, () => this.text(), now);
    this.stream = stream;
    this.now = now;
    this.toldAt = now();
    this.tell = tell;
    this.share = share;
    this.counts = counts;
    this.marks = [];
  }

  update(counts: ImportCounts): void {
    this.counts = counts;
    const now = this.now();
    const newest = this.marks.at(-1);
    if (newest === undefined || now - newest.at >= SECOND_MS) {
      const recent = this.marks.filter(({ at }) => now - at <= WINDOW_MS);
      this.marks = [...recent, { at: now, rows: counts.rows, share: this.share() }];
    }
    this.line.tick();
    if (this.stream.isTTY || now - this.toldAt < TOLD_EVERY_MS) return;
    this.toldAt = now;
    this.tell(this.text());
  }

  /** Makes room for an ordinary line. */
  clear(): void {
    this.line.clear();
  }

  private text(): string {
    const { rows, refused } = this.counts;
    const share = this.share();
    const [oldest] = this.marks;
    const elapsedMs = oldest === undefined ? 0 : this.now() - oldest.at;
    const perSecond = oldest === undefined || elapsedMs === 0 ? 0 : ((rows - oldest.rows) / elapsedMs) * SECOND_MS;
    const parts = [
      share === null ? `${count(rows)} rows` : `${count(rows)} rows (${Math.floor(share * 100)} %)`,
      `${count(refused)} refused`,
      `${count(perSecond)}/s`,
    ];
    const left = share === null || oldest?.share == null ? null : leftMs(share, share - oldest.share, elapsedMs);
    if (left !== null) parts.push(`${durationText(left)} left`);
    return parts.join(', ');
  }
}

const leftMs = (share: number, gained: number, elapsedMs: number): number | null =>
  gained <= 0 ? null : ((1 - share) / gained) * elapsedMs;

/** A span for people: its two largest units. */
export function durationText(ms: number): string {
  const seconds = Math.ceil(ms / SECOND_MS);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

import type { LoadAnswer, LoadRequest, LoadSettings } from './http-load-process.ts';
import { Helper } from './processes.ts';
import { percentile, rounded } from './statistics.ts';

/** One answer. `ms` counts from when its request was due, so that a stall is not hidden by the requests that it held back. */
export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  /** The mail's id, of a 202. */
  readonly id: string | null;
  readonly ms: number;
  /** When it was due, in ms of the load. */
  readonly atMs: number;
}

/**
 * Asks at a given rate, whatever becomes of the answers. It is a process of its own, which does nothing else: what the bench keeps
 * and counts would stop it to collect garbage, for longer than the routes take that it measures.
 */
export class HttpLoad {
  private readonly helper: Helper<LoadRequest, LoadAnswer>;
  private readonly rate: number;

  private constructor(helper: Helper<LoadRequest, LoadAnswer>, rate: number) {
    this.helper = helper;
    this.rate = rate;
  }

  /** `rate`: requests a second. */
  static async start(rate: number): Promise<HttpLoad> {
    const settings: LoadSettings = { rate };
    return new HttpLoad(await Helper.start<LoadRequest, LoadAnswer>('http-load-process.ts', settings), rate);
  }

  /** So many requests a second for so long, each at its own time, whatever became of those before it. */
  async run(url: string, key: string, seconds: number): Promise<readonly Answer[]> {
    const { statuses, ids, ms } = await this.helper.ask({ url, key, seconds });
    return statuses.map((status, n) => ({
      status,
      id: ids[n] ?? null,
      ms: ms[n] as number,
      atMs: (n * 1_000) / this.rate,
    }));
  }

  stop(): Promise<void> {
    return this.helper.stop();
  }
}

export function figures(answers: readonly Answer[]) {
  const times = answers.map(({ ms }) => ms);
  const at = (share: number) => rounded(percentile(times, share), 1);
  const accepted = answers.filter(({ status }) => status === 202).length;
  return { requests: answers.length, accepted, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

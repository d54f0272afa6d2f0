import type { LocalStack } from '../../src/cli/up.ts';
import { type Answer, figures, type HttpLoad } from './http-load.ts';
import { anonymousBytesOf } from './processes.ts';

/** For how long the broker is away. */
const AWAY_MS = 3_000;
const LOOK_MS = 500;
const MEGABYTE = 1_000_000;
/** A second of the load is normal again when all of it was accepted, as quickly as the door promises. */
const NORMAL_MS = 50;
const WINDOW_MS = 1_000;

export interface RestartFigures {
  readonly statuses: Readonly<Record<string, number>>;
  /** The longest that anybody waited for an answer, whatever it was. */
  readonly slowestMs: number;
  /** From the broker's answering again to the first second from which on three in a row were normal; null: there was none. */
  readonly normalAfterMs: number | null;
  readonly apiMegabytesBefore: number;
  readonly apiMegabytesMax: number;
}

/** The load, in the middle of which the broker is killed and started again. */
export async function withBrokerRestart(
  stack: LocalStack,
  load: HttpLoad,
  asked: { readonly url: string; readonly key: string; readonly seconds: number },
  tell: (line: string) => void,
): Promise<{ readonly answers: readonly Answer[]; readonly figures: RestartFigures }> {
  const pid = stack.status().processes.find(({ role }) => role === 'api')?.pid;
  if (pid === undefined) throw new Error('the API runs');
  const before = anonymousBytesOf(pid);
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, anonymousBytesOf(pid));
  }, LOOK_MS);
  const beganAt = performance.now();
  const answering = load.run(asked.url, asked.key, asked.seconds);
  await sleep((asked.seconds * 1_000) / 3);
  tell('the broker is killed');
  await stack.infra.killBroker('SIGKILL');
  await sleep(AWAY_MS);
  await stack.infra.startBroker();
  const backAtMs = performance.now() - beganAt;
  tell('the broker answers again');
  const answers = await answering;
  clearInterval(looking);
  const statuses: Record<string, number> = {};
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  return {
    answers,
    figures: {
      statuses,
      slowestMs: Math.round(Math.max(...answers.map(({ ms }) => ms))),
      normalAfterMs: normalAfter(answers, backAtMs),
      apiMegabytesBefore: Math.round(before / MEGABYTE),
      apiMegabytesMax: Math.round(most / MEGABYTE),
    },
  };
}

function normalAfter(answers: readonly Answer[], backAtMs: number): number | null {
  const windows = Map.groupBy(answers, ({ atMs }) => Math.floor(atMs / WINDOW_MS));
  const isNormal = (window: number): boolean => {
    const those = windows.get(window) ?? [];
    return those.length > 0 && those.every(({ status }) => status === 202) && figures(those).p50Ms <= NORMAL_MS;
  };
  for (let window = Math.ceil(backAtMs / WINDOW_MS); windows.has(window + 2); window++) {
    if ([window, window + 1, window + 2].every(isNormal)) return Math.round(window * WINDOW_MS - backAtMs);
  }
  return null;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

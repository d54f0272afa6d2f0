import { parseArgs } from 'node:util';

/** What `npm run bench -- …` was told. */
export interface BenchOptions {
  readonly mode: 'throughput' | 'isolation' | 'memory' | 'templated';
  readonly json: boolean;
  readonly rounds: number;
  /** Mails of one throughput run. */
  readonly mails: number;
  /** Arms of the throughput bench that run. */
  readonly arms: readonly string[];
  /** How long latency is measured in each round; 0: not at all. */
  readonly latencySeconds: number;
  /** Where CPU profiles of router and worker go; null: none are made. */
  readonly profileDirectory: string | null;
}

export const ARMS = ['pipeline', 'nodemailer', 'bullmq'] as const;

const ROUNDS = 5;
const MAILS_OF = { throughput: 10_000, isolation: 20_000, memory: 20_000, templated: 100_000 } as const;

export const USAGE = `npm run bench -- [--json] [--rounds N] [--mails N] [--arms ${ARMS.join(',')}] [--latency-seconds N] [--profile DIRECTORY]
npm run bench -- --isolation [--json] [--rounds N] [--mails N]
npm run bench -- --memory [--json] [--mails N]
npm run bench -- --templated [--json] [--rounds N] [--mails N]`;

/** Reads the command line; throws a TypeError that says what is wrong with it. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      isolation: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      templated: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      mails: { type: 'string' },
      arms: { type: 'string', default: ARMS.join() },
      'latency-seconds': { type: 'string', default: '10' },
      profile: { type: 'string' },
    },
  });
  const mode = (['isolation', 'memory', 'templated'] as const).find((name) => values[name]) ?? 'throughput';
  const arms = values.arms.split(',');
  const unknown = arms.filter((arm) => !(ARMS as readonly string[]).includes(arm));
  if (unknown.length > 0) throw new TypeError(`there is no arm ${unknown.join()}\n${USAGE}`);
  return {
    mode,
    json: values.json,
    rounds: whole('rounds', values.rounds ?? String(mode === 'templated' ? 1 : ROUNDS), 1),
    mails: whole('mails', values.mails ?? String(MAILS_OF[mode]), 1),
    arms,
    latencySeconds: whole('latency-seconds', values['latency-seconds'], 0),
    profileDirectory: values.profile ?? null,
  };
}

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least) return number;
  throw new TypeError(`--${name} is a whole number, ${least} or more\n${USAGE}`);
}

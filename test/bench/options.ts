import { commandLine, misused, wholeNumber } from './command-line.ts';

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

/** Reads the command line; ends the process where it asks for help, or is wrong. */
export function readOptions(): BenchOptions {
  const values = commandLine(USAGE, {
    json: { type: 'boolean', default: false },
    isolation: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    templated: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    mails: { type: 'string' },
    arms: { type: 'string', default: ARMS.join() },
    'latency-seconds': { type: 'string', default: '10' },
    profile: { type: 'string' },
  });
  const mode = (['isolation', 'memory', 'templated'] as const).find((name) => values[name]) ?? 'throughput';
  const arms = values.arms.split(',');
  const unknown = arms.filter((arm) => !(ARMS as readonly string[]).includes(arm));
  if (unknown.length > 0) misused(`there is no arm ${unknown.join()}`, USAGE);
  const whole = (name: string, text: string, least: number) => wholeNumber(name, text, USAGE, least);
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

import { parseArgs } from 'node:util';

/** What `npm run bench -- …` was told. */
export interface BenchOptions {
  readonly mode: 'throughput' | 'isolation' | 'memory';
  readonly json: boolean;
  readonly rounds: number;
  /** Mails of one throughput run. */
  readonly mails: number;
  /** Arms of the throughput bench that run. */
  readonly arms: readonly string[];
  /** Where CPU profiles of router and worker go; null: none are made. */
  readonly profileDirectory: string | null;
}

export const ARMS = ['pipeline', 'nodemailer', 'bullmq'] as const;

const ROUNDS = 5;
const MAILS = 10_000;

export const USAGE = `npm run bench -- [--json] [--rounds N] [--mails N] [--arms ${ARMS.join(',')}] [--profile DIRECTORY]
npm run bench -- --isolation [--json] [--rounds N] [--mails N]
npm run bench -- --memory [--json] [--mails N]`;

/** Reads the command line; throws a TypeError that says what is wrong with it. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      isolation: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      mails: { type: 'string' },
      arms: { type: 'string', default: ARMS.join() },
      profile: { type: 'string' },
    },
  });
  const mode = values.isolation ? 'isolation' : values.memory ? 'memory' : 'throughput';
  const arms = values.arms.split(',');
  const unknown = arms.filter((arm) => !(ARMS as readonly string[]).includes(arm));
  if (unknown.length > 0) throw new TypeError(`there is no arm ${unknown.join()}\n${USAGE}`);
  return {
    mode,
    json: values.json,
    rounds: positive('rounds', values.rounds ?? String(ROUNDS)),
    mails: positive('mails', values.mails ?? String(mode === 'throughput' ? MAILS : 2 * MAILS)),
    arms,
    profileDirectory: values.profile ?? null,
  };
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new TypeError(`--${name} is a whole number above 0\n${USAGE}`);
}

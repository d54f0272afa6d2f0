import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Config } from '../../config/types.ts';
import { topics } from '../../contracts/topic.ts';
import { type ReputationOverrides, readOverrides } from '../../domain/reputation-overrides.ts';
import type { Millis } from '../../domain/time.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { rangesOf } from '../../kafka/topic-ends.ts';
import { configOf } from '../catalog.ts';
import { connectionOf } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { openPipeline } from '../open-pipeline.ts';
import { type Difference, differences } from '../replay/difference.ts';
import { promote, readEditions, rollBack } from '../replay/editions.ts';
import { begin, type Replayed, type ReplayProgress, replay, THREADS_DEFAULT, THREADS_MAX } from '../replay/engine.ts';
import { ALL_TABLES, copyLive, keepOlder } from '../replay/live-tables.ts';
import { type ReadAgainOptions, readFeedbackAgain } from '../replay/read-again.ts';
import { ReplayTables } from '../replay/replay-tables.ts';

interface ReplayCommandOptions {
  readonly config?: string;
  readonly from?: Millis;
  readonly rules?: ReputationOverrides;
  readonly thresholds?: ReputationOverrides;
  readonly fromFeedback?: true;
  readonly threads: number;
  readonly diff?: true;
  readonly promote?: true;
  readonly rollback?: true;
  readonly json?: true;
}

/** Progress is told so often. */
const TELL_MS = 2_000;
/** Differences that are listed one by one for people; --json has all of them. */
const LISTED_MAX = 50;

/** `postlane replay`: reputation recomputed, compared, and put in force. */
export function register(program: Command, context: CliContext): void {
  program
    .command('replay')
    .summary('recompute reputation from its log, with today’s or other rules')
    .description(
      'Folds email.reputation again into tables beside those of production, which goes on. With --diff it shows what would ' +
        'be otherwise and why; with --promote every reader is switched to the new tables at once; --rollback switches back. ' +
        'A replay that was interrupted goes on where it was.',
    )
    .option('--from <time>', 'only what was written down from then on (ISO 8601)', parseTime)
    .option('--thresholds <list>', 'other rules: bounce=0.01,complaint=0.0005,action=pause,…', parseThresholds)
    .option('--rules <file>', 'other rules, as a JSON object of the same names', parseRules)
    .option('--from-feedback', 'read the raw mails and webhooks again first, with today’s readers')
    .option('--threads <count>', 'threads that fold; each has partitions of its own', parseThreads, THREADS_DEFAULT)
    .option('--diff', 'show the rows that would differ')
    .option('--promote', 'put the new tables in force')
    .option('--rollback', 'put the tables from before the last promotion in force again')
    .option('--json', 'the summary as one JSON object, after one line per difference')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action((options: ReplayCommandOptions) => run(options, context));
}

async function run(options: ReplayCommandOptions, context: CliContext): Promise<void> {
  const config = configOf(context, options.config);
  const connection = await connectionOf(context, options.config);
  const encodes = [topics.reputation, topics.reputationEditions, ...ALL_TABLES];
  const { kafka, codec } = await openPipeline(context, options.config, 'replay', encodes);
  const publisher = new Publisher({ kafka });
  const { reputationGroup } = await import('../../../processors/reputation/index.ts');
  const signal = context.interrupted;
  const world = { kafka, codec, publisher, groupOf: reputationGroup, signal, tell: context.tell };
  try {
    if (options.rollback) {
      const { active, standby } = await rollBack(world);
      return report(
        options,
        context,
        { active, standby },
        `edition ${active} is in force again; ${standby} is kept beside it`,
      );
    }
    const log = await rangesOf(kafka, [topics.reputation.name]);
    const tables = await ReplayTables.open(join(config.stateDir, 'replay'), log.length);
    try {
      const overrides = { ...options.rules, ...options.thresholds };
      const { active } = await readEditions(kafka, codec, signal);
      const terms = await termsOf(config, overrides, options.from ?? null, options.fromFeedback ?? false);
      const resumed = await begin(tables, terms);
      const again = options.fromFeedback ? await rereadFeedback(config, { ...world, tables }) : null;
      const [startedAt, beganAt] = [Date.now(), performance.now()];
      if (options.diff || options.from !== undefined) await copyLive(kafka, codec, tables.common, active, signal);
      const teller = new Teller(context.tell);
      const done = await replay({
        ...terms,
        again,
        kafka,
        connection,
        threads: options.threads,
        tables,
        signal,
        startedAt,
        progress: (now) => teller.tell(now),
      });
      if (needsLive(done) && !options.diff) await copyLive(kafka, codec, tables.common, active, signal);
      const kept = await keepOlder(tables, codec, done.partitions, terms.rules.suppression);
      const counts = options.diff ? await showDifferences(tables, codec, done, options, context) : null;
      const edition = options.promote ? await promote(world, tables, done.partitions, overrides) : null;
      const seconds = (performance.now() - beganAt) / 1_000;
      const summary = {
        events: done.total,
        read: done.read,
        resumed,
        seconds: Math.round(seconds * 10) / 10,
        eventsPerSecond: Math.round(done.read / seconds),
        undecodable: done.undecodable,
        feedbackSince: again?.since ?? null,
        keptFromProduction: kept,
        differences: counts,
        inMotion: options.diff ? done.moving.size : null,
        promoted: edition?.active ?? null,
      };
      report(options, context, summary, textOf(summary));
    } finally {
      await tables.close();
    }
  } finally {
    await publisher.close();
  }
}

const needsLive = ({ partitions }: Replayed): boolean => partitions.some(({ since }) => since > 0);

/** The index of the mails that were sent is made anew each time, and not kept. */
async function rereadFeedback(config: Config, parts: Omit<ReadAgainOptions, 'config' | 'directory'>) {
  await parts.tables.openPartitions();
  const directory = await mkdtemp(join(config.stateDir, 'replay-feedback-'));
  try {
    return await readFeedbackAgain({ ...parts, config, directory });
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function termsOf(config: Config, overrides: ReputationOverrides, from: Millis | null, fromFeedback: boolean) {
  const { rulesOf } = await import('../../../processors/reputation/rules.ts');
  const { BOUNCE_RULES_VERSION } = await import('../../domain/bounce-rules.ts');
  const rules = rulesOf(config, overrides);
  const fingerprint = JSON.stringify([3, from, fromFeedback, BOUNCE_RULES_VERSION, rules.suppression, rules.identity]);
  return { rules, from, fingerprint };
}

async function showDifferences(
  tables: ReplayTables,
  codec: Parameters<typeof differences>[1],
  { moving }: Replayed,
  options: ReplayCommandOptions,
  context: CliContext,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  let listed = 0;
  for await (const one of differences(tables, codec, moving)) {
    counts[one.table] = (counts[one.table] ?? 0) + 1;
    listed++;
    if (options.json) context.print(`${JSON.stringify(one)}\n`);
    else if (listed <= LISTED_MAX) context.print(differenceText(one));
  }
  if (!options.json && listed > LISTED_MAX) context.print(`… and ${listed - LISTED_MAX} more (--json lists all)\n`);
  return counts;
}

const differenceText = ({ table, subject, change, before, after, why }: Difference): string =>
  `${table} ${subject}: ${change}\n  before  ${before ?? 'nothing'}\n  after   ${after ?? 'nothing'}\n  why     ${why}\n`;

interface Summary {
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly resumed: boolean;
  readonly keptFromProduction: number;
  readonly differences: Readonly<Record<string, number>> | null;
  readonly promoted: number | null;
}

function textOf(summary: Summary): string {
  const { events, seconds, eventsPerSecond, resumed, keptFromProduction, differences: found, promoted } = summary;
  const lines = [`${events} events, ${seconds} s, ${eventsPerSecond} events/s${resumed ? ' (resumed)' : ''}`];
  if (keptFromProduction > 0) lines.push(`${keptFromProduction} rows are older than the log and kept as they are`);
  if (found) {
    const told = Object.entries(found).map(([table, count]) => `${count} in ${table}`);
    lines.push(told.length === 0 ? 'nothing would differ' : `would differ: ${told.join(', ')}`);
  }
  if (promoted !== null) lines.push(`edition ${promoted} is in force; --rollback goes back`);
  return lines.join('\n');
}

function report(options: ReplayCommandOptions, context: CliContext, summary: object, text: string): void {
  context.print(options.json ? `${JSON.stringify(summary)}\n` : `${text}\n`);
}

/** Tells how far it is, how fast, and how long it will take. */
class Teller {
  private readonly startedAt = performance.now();
  private toldAt = this.startedAt;
  private readonly out: (line: string) => void;

  constructor(out: (line: string) => void) {
    this.out = out;
  }

  tell({ done, read, total }: ReplayProgress): void {
    const now = performance.now();
    if (now - this.toldAt < TELL_MS) return;
    this.toldAt = now;
    const rate = read / ((now - this.startedAt) / 1_000);
    const left = rate > 0 ? `${Math.ceil((total - done) / rate)} s left` : 'no time left known';
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    this.out(`${percent} % of ${total} events, ${Math.round(rate)} events/s, ${left}`);
  }
}

function parseTime(text: string): Millis {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('a time is expected, as in 2026-01-31T12:00:00Z');
  return at;
}

function parseThreads(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= THREADS_MAX) return count;
  throw new InvalidArgumentError(`a whole number from 1 to ${THREADS_MAX} is expected`);
}

function parseThresholds(text: string): ReputationOverrides {
  const pairs = text.split(',').map((pair) => {
    const [name = '', value = ''] = pair.split('=', 2);
    return [name.trim().replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), value.trim()] as const;
  });
  return checked(Object.fromEntries(pairs));
}

function parseRules(path: string): ReputationOverrides {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  if (typeof read !== 'object' || read === null) throw new InvalidArgumentError('a JSON object is expected');
  return checked(read as Record<string, unknown>);
}

function checked(given: Readonly<Record<string, unknown>>): ReputationOverrides {
  const read = readOverrides(given);
  if (read.ok) return read.overrides;
  throw new InvalidArgumentError(read.problem);
}

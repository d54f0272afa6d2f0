import { type Command, InvalidArgumentError } from 'commander';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import { EMAIL_TYPES } from '../../domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../domain/time.ts';
import { jobRulesOf } from '../../host/job-rules.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { type LetterFilter, type PlacedLetter, readLetters, requeueOf } from '../dead-letters.ts';
import { openPipeline } from '../open-pipeline.ts';
import { visible } from '../visible.ts';

interface FilterOptions {
  readonly config?: string;
  readonly reason?: string;
  readonly stage?: string;
  readonly topic?: string;
  readonly job?: string;
  readonly since?: number;
  readonly json?: true;
}

const LIMIT = 100;
const EXIT_REFUSED = 2;
const EXIT_NOTHING = 1;
const APPEND_MS_MAX = 30_000;
const RECORD_MORE_BYTES = 64 * 1_024;
const NAME = 'dead-letters';

/** `postlane dead-letters list|show|requeue|export`: what could not be processed. */
export function register(program: Command, context: CliContext): void {
  const letters = program.command(NAME).summary('look at what could not be processed, and hand it in again');
  filtered(letters.command('list'))
    .summary('list dead letters')
    .description(
      'One line per letter: place, time, reason, where it failed, job. The place names it for the other commands.',
    )
    .option('--limit <count>', 'letters at most', parseCount, LIMIT)
    .option('--json', 'one JSON object per line')
    .action((options: FilterOptions & { readonly limit: number }) => list(context, options));
  letters
    .command('show')
    .summary('show one dead letter whole')
    .description(
      'Shows a letter, and the job in it as far as it can be read. Content is personal data: mind where you show it.',
    )
    .argument('<place>', 'as `list` shows it: partition@offset', parsePlace)
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action((place: string, options: FilterOptions) => show(context, place, options));
  filtered(letters.command('requeue'))
    .summary('hand the jobs of dead letters in again')
    .description(
      'Appends the jobs of letters to the way in: those at the given places, or all that the filters let through. A job that ' +
        'has ended comes in under a new id, which follows from the letter: requeuing it again sends nothing twice. Ends with 2 ' +
        'where some cannot be requeued.',
    )
    .argument('[place...]', 'as `list` shows it: partition@offset', (text: string, before: readonly string[] = []) => [
      ...before,
      parsePlace(text),
    ])
    .option('--dry-run', 'say what would be done, and do nothing')
    .action((places: readonly string[], options: FilterOptions & { readonly dryRun?: true }) =>
      requeue(context, places, options),
    );
  filtered(letters.command('export'))
    .summary('print dead letters whole, one JSON object per line')
    .description('Prints letters with their original bytes as base64, one JSON object per line.')
    .action((options: FilterOptions) => exportAll(context, options));
}

const filtered = (command: Command): Command =>
  command
    .option('--reason <word>', 'only with this reason')
    .option('--stage <name>', 'only from this stage')
    .option('--topic <name>', 'only of records of this topic')
    .option('--job <id>', 'only of this job')
    .option('--since <span>', 'only of the last time, for example 24h', parseSince)
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)');

const filterOf = ({ reason, stage, topic, job, since }: FilterOptions): LetterFilter => ({
  reason,
  stage,
  topic,
  job,
  since,
});

async function list(context: CliContext, options: FilterOptions & { readonly limit: number }): Promise<void> {
  const access = await openPipeline(context, options.config, NAME);
  let count = 0;
  await readLetters(access, filterOf(options), context.interrupted, (found) => {
    if (++count > options.limit) return;
    context.print(options.json ? `${JSON.stringify(summary(found))}\n` : `${line(found)}\n`);
  });
  if (count > options.limit) context.tell(`${count - options.limit} more; --limit or a filter shows them`);
  else if (count === 0) context.tell('there are none');
}

/** Everything but content. */
const summary = ({ place, letter: { key: _key, value, headers: _headers, ...letter } }: PlacedLetter) => ({
  place,
  ...letter,
  at: new Date(letter.at).toISOString(),
  bytes: value?.length ?? 0,
});

const line = ({ place, letter }: PlacedLetter): string => {
  const origin = `${letter.topic}/${letter.partition}@${letter.offset}`;
  const facts = [place, new Date(letter.at).toISOString(), letter.reason, letter.stage, origin, letter.jobId ?? '-'];
  return visible([...facts, letter.detail ?? ''].join('  ').trimEnd());
};

async function show(context: CliContext, place: string, options: FilterOptions): Promise<void> {
  const access = await openPipeline(context, options.config, NAME);
  const letters: PlacedLetter[] = [];
  await readLetters(access, { places: new Set([place]) }, context.interrupted, (letter) => {
    letters.push(letter);
  });
  const [found] = letters;
  if (found === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `there is no dead letter at ${place}` });
  context.print(`${JSON.stringify(whole(found), null, 2)}\n`);
}

const whole = ({ place, letter }: PlacedLetter) => ({
  place,
  ...letter,
  at: new Date(letter.at).toISOString(),
  key: letter.key?.toString('base64') ?? null,
  value: letter.value?.toString('base64') ?? null,
});

async function exportAll(context: CliContext, options: FilterOptions): Promise<void> {
  const access = await openPipeline(context, options.config, NAME);
  await readLetters(access, filterOf(options), context.interrupted, (found) => {
    context.print(`${JSON.stringify(whole(found))}\n`);
  });
}

async function requeue(
  context: CliContext,
  places: readonly string[],
  options: FilterOptions & { readonly dryRun?: true },
): Promise<void> {
  const filter = filterOf(options);
  if (places.length === 0 && Object.values(filter).every((value) => value === undefined)) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'name places, or a filter such as --reason' });
  }
  const ingest = EMAIL_TYPES.map((type) => topics.ingest(type));
  const access = await openPipeline(context, options.config, NAME, ingest);
  const rules = jobRulesOf(configOf(context, options.config));
  const recordBytesMax = access.jobBytesMax + RECORD_MORE_BYTES;
  const publisher = new Publisher({ kafka: access.kafka, deliveryTimeoutMs: APPEND_MS_MAX, recordBytesMax });
  const wanted = places.length === 0 ? filter : { ...filter, places: new Set(places) };
  const counts = { requeued: 0, refused: 0 };
  try {
    await readLetters(access, wanted, context.interrupted, async ({ place, letter }) => {
      const outcome = await requeueOf(access, letter, rules, Date.now());
      if (outcome.ok && !options.dryRun) await publisher.append([outcome.record]);
      counts[outcome.ok ? 'requeued' : 'refused']++;
      context.print(`${visible(`${place}  ${outcome.ok ? `in again as ${outcome.id}` : outcome.why}`)}\n`);
    });
  } finally {
    await publisher.close();
  }
  const { requeued, refused } = counts;
  context.tell(`${requeued} ${options.dryRun ? 'would be requeued' : 'requeued'}, ${refused} cannot be`);
  if (refused > 0) context.setExitStatus(EXIT_REFUSED);
  else if (requeued === 0) context.setExitStatus(EXIT_NOTHING);
}

function parsePlace(text: string): string {
  if (/^\d{1,6}@\d{1,18}$/.test(text)) return text;
  throw new InvalidArgumentError('partition@offset is expected, as `list` shows it');
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('a whole number from 1 on is expected');
}

const UNITS: Readonly<Record<string, number>> = { m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

function parseSince(text: string): number {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNITS[unit];
  if (unitMs === undefined) throw new InvalidArgumentError('a span such as 30m, 24h or 7d is expected');
  return Date.now() - Number(count) * unitMs;
}

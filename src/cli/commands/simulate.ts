import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PROVIDERS, type Provider } from '../../domain/policy.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { plotOf, totals } from '../simulate/plot.ts';
import { type SimulatedDay, simulateWarmUp } from '../simulate/warm-up.ts';

interface SimulateOptions {
  readonly config?: string;
  readonly days: number;
  readonly volume: number;
  readonly mix: ReadonlyMap<Provider, number>;
  readonly bounceRate: number;
  readonly complaintRate: number;
  readonly breach?: ReadonlyMap<number, number>;
  readonly idle?: { readonly from: number; readonly to: number };
  readonly overflow?: 'warm' | 'hold';
  readonly json?: true;
  readonly svg?: string;
}

const SOURCE = 'simulated';
/** Bounces on a day of breach where no other share is given. */
const BREACH_RATIO = 0.1;
/** A usual list of consumers. */
const MIX = 'google=0.5,microsoft=0.2,yahoo=0.1,apple=0.1,other=0.1';

/** `postlane simulate`: what a warm-up would look like. */
export function register(program: Command, context: CliContext): void {
  program
    .command('simulate')
    .summary('foresee a warm-up day by day')
    .description(
      'Runs the fold and the pacing of production on a virtual clock for one new source, with the warm-up and thresholds of ' +
        'the configuration: what it would be allowed, what it would send, and what would go elsewhere or wait. Talks to nobody.',
    )
    .option('--days <n>', 'days', integer(1, 3_650), 42)
    .option('--volume <n>', 'mails to be sent a day', integer(1, 10_000_000), 200_000)
    .option('--mix <list>', 'shares of the providers', parseMix, parseMix(MIX))
    .option('--bounce-rate <share>', 'share that bounces', ratio, 0.005)
    .option('--complaint-rate <share>', 'share that is complained about', ratio, 0.0002)
    .option('--breach <day[:share],…>', `days on which more bounce (default: ${BREACH_RATIO})`, parseBreaches)
    .option('--idle <from-to>', 'days on which nothing is sent', parseSpan)
    .addOption(new Option('--overflow <how>', 'what the rest does (default: as configured)').choices(['warm', 'hold']))
    .option('--svg <file>', 'write a plot')
    .option('--json', 'one JSON object per day and provider')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action((options: SimulateOptions) => run(options, context));
}

async function run(options: SimulateOptions, context: CliContext): Promise<void> {
  const { rulesOf } = await import('../../../processors/reputation/rules.ts');
  const config = configOf(context, options.config);
  const { reputation } = config;
  const warmUp = { ...reputation.warmUp, enabled: true, sources: [SOURCE] };
  const rules = rulesOf({ ...config, reputation: { ...reputation, warmUp } });
  const { idle } = options;
  const days = simulateWarmUp(
    {
      days: options.days,
      volume: options.volume,
      mix: options.mix,
      bounceRatio: options.bounceRate,
      complaintRatio: options.complaintRate,
      breaches: options.breach ?? new Map(),
      idle: (day) => idle !== undefined && day >= idle.from && day <= idle.to,
      overflow: options.overflow ?? reputation.warmUp.overflow,
      source: SOURCE,
    },
    rules,
  );
  if (options.svg !== undefined) writeFileSync(resolve(context.workingDirectory, options.svg), plotOf(days));
  if (options.json) for (const day of days) context.print(`${JSON.stringify(day)}\n`);
  else context.print(tableOf(days));
}

function tableOf(days: readonly SimulatedDay[]): string {
  const verdicts = new Map<number, string[]>();
  for (const { day, provider, verdict } of days) {
    if (verdict === 'raised' || verdict === '') continue;
    verdicts.set(day, [...(verdicts.get(day) ?? []), `${provider} ${verdict}`]);
  }
  const head = ['day', 'wanted', 'allowed', 'sent', 'elsewhere', 'held', 'bounced', 'complained', ''];
  const rows = totals(days).map((one) => [
    ...[one.day, one.wanted, one.allowed, one.sent, one.overflowed, one.held, one.bounced, one.complained].map(String),
    (verdicts.get(one.day) ?? []).join(', '),
  ]);
  const widths = head.map((title, n) => Math.max(title.length, ...rows.map((row) => (row[n] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, n) => (n === cells.length - 1 ? cell : cell.padStart(widths[n] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${[head, ...rows].map(line).join('\n')}\n`;
}

const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(`a whole number from ${min} to ${max} is expected`);
  }
  return value;
};

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('a share from 0 to 1 is expected');
  return value;
}

/** Shares of providers; they must add up to 1. */
function parseMix(text: string): ReadonlyMap<Provider, number> {
  const mix = new Map<Provider, number>();
  for (const pair of text.split(',')) {
    const [name = '', share = ''] = pair.split('=', 2);
    const provider = PROVIDERS.find((candidate) => candidate === name.trim());
    if (provider === undefined) throw new InvalidArgumentError(`there is no provider ${name}`);
    mix.set(provider, ratio(share));
  }
  const sum = [...mix.values()].reduce((total, share) => total + share, 0);
  if (Math.abs(sum - 1) > 1e-6) throw new InvalidArgumentError(`the shares add up to ${sum}, not to 1`);
  return mix;
}

function parseBreaches(text: string): ReadonlyMap<number, number> {
  return new Map(
    text.split(',').map((part) => {
      const [day = '', share] = part.split(':', 2);
      return [integer(1, 3_650)(day), share === undefined ? BREACH_RATIO : ratio(share)] as const;
    }),
  );
}

function parseSpan(text: string): { readonly from: number; readonly to: number } {
  const [from = '', to = from] = text.split('-', 2);
  const span = { from: integer(1, 3_650)(from), to: integer(1, 3_650)(to) };
  if (span.to < span.from) throw new InvalidArgumentError('the first day comes first');
  return span;
}

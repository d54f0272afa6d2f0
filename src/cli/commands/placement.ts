import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { probeOutputs } from '../../../producers/placement/accept.ts';
import type { Placement } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import { type PlacementRate, placementAlerts, placementRates } from '../../domain/placement.ts';
import { EMAIL_TYPES, type EmailType } from '../../domain/policy.ts';
import { providerIndex } from '../../domain/provider.ts';
import { DAY_MS, HOUR_MS } from '../../domain/time.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { encodeOutputs } from '../../runtime/encode.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { openPipeline } from '../open-pipeline.ts';
import { readTable } from '../read-table.ts';
import { visible } from '../visible.ts';

interface PlacementOptions {
  readonly config?: string;
  readonly json?: true;
  readonly days: number;
}

interface ProbeOptions {
  readonly config?: string;
  readonly json?: true;
  readonly campaign?: string;
  readonly type?: EmailType;
  readonly from?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
}

const DAYS_DEFAULT = 7;
const DAYS_MAX = 90;
const APPEND_MS_MAX = 30_000;
const CONFIG_OPTION = [
  '--config <file>',
  'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)',
] as const;

/** `postlane placement`: where mail arrives, seen from seed mailboxes. */
export function register(program: Command, context: CliContext): void {
  const placement = program
    .command('placement')
    .summary('show where mail arrives: inbox, tabs, spam or nowhere')
    .option('--days <n>', 'probes of the last days', parseDays, DAYS_DEFAULT)
    .option(...CONFIG_OPTION)
    .option('--json', 'as one JSON object')
    .action((options: PlacementOptions) => show(context, options));
  placement
    .command('probe')
    .summary('send a probe to every seed mailbox, with the message of a campaign')
    .description('What is not given is taken from placement.probe. The probes go the way of all mail of their type.')
    .option('--campaign <name>', 'campaign that they belong to')
    .option('--type <type>', EMAIL_TYPES.join(', '), parseType)
    .option('--from <sender>', 'as in From')
    .option('--subject <text>')
    .option('--text <file>', 'file with the plain text')
    .option('--html <file>', 'file with the HTML')
    .action((_: unknown, command: Command) => probe(context, command.optsWithGlobals<ProbeOptions>()));
}

async function show(context: CliContext, { config: file, json, days }: PlacementOptions): Promise<void> {
  const config = configOf(context, file);
  const pipeline = await openPipeline(context, file, 'placement');
  const rows = [
    ...(
      await readTable(pipeline, topics.placements, { signal: context.interrupted, unreadable: 'leave out' })
    ).values(),
  ];
  const now = Date.now();
  const rates = placementRates(rows, now - days * DAY_MS, now + 1);
  const alerts = placementAlerts(rows, config.placement, now);
  const findings = findingsOf(rows, now - days * DAY_MS);
  const waiting = rows.filter(({ place }) => place === 'waiting').length;
  if (json) {
    context.print(`${JSON.stringify({ days, rates, waiting, alerts, findings })}\n`);
    return;
  }
  if (rates.length === 0) context.print('no probe has been judged yet\n');
  for (const rate of rates) context.print(`${describe(rate)}\n`);
  if (waiting > 0) context.print(`${waiting} probes are on their way\n`);
  for (const { provider, what, inboxRatio, before } of alerts) {
    const was = before === null ? '' : `, ${percent(before)} before`;
    context.print(
      `alert  ${provider}: the share of the inbox ${what === 'low' ? 'is low' : 'fell'}: ${percent(inboxRatio)}${was}\n`,
    );
  }
  for (const { code, seed, what } of findings)
    context.print(visible(`finding  ${code}  ${seed}: ${what}`).concat('\n'));
}

/** What is wrong with mailboxes, and probes that never came. */
function findingsOf(rows: readonly Placement[], from: number) {
  const closed = rows
    .filter(({ place }) => place === 'unreachable')
    .map(({ seed, folder, at }) => {
      const [code = 'unreachable', what = ''] = (folder ?? '').split(/: (.*)/s);
      return { code: code === 'login-refused' ? 'seed-login-refused' : 'seed-unreachable', seed, what, at };
    });
  const missing = rows
    .filter(({ place, at }) => place === 'missing' && at >= from)
    .map(({ seed, id, at }) => ({ code: 'probe-missing', seed, what: `${id} was seen nowhere`, at }));
  return [...closed, ...missing];
}

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;

function describe({ provider, probes, counts, inboxRatio, delayMs }: PlacementRate): string {
  const share = (count: number) => percent(count / probes);
  const places = `inbox ${share(counts.inbox)}, tabs ${share(counts.tab)}, spam ${share(counts.spam)}, missing ${share(counts.missing)}`;
  const delay =
    delayMs === null
      ? ''
      : `, after ${delayMs < HOUR_MS ? `${Math.round(delayMs / 1_000)} s` : `${(delayMs / HOUR_MS).toFixed(1)} h`}`;
  return `${provider}: ${percent(inboxRatio ?? 0)} arrived (${places}) of ${probes} probes${delay}`;
}

async function probe(context: CliContext, options: ProbeOptions): Promise<void> {
  const config = configOf(context, options.config);
  const { seeds, probe: usual } = config.placement;
  const from = options.from ?? usual?.from;
  if (seeds.length === 0)
    throw new PostlaneError('CONFIG_INVALID', { what: 'there are no seed mailboxes: write them into placement.seeds' });
  if (from === undefined)
    throw new PostlaneError('CONFIG_INVALID', {
      what: 'nobody is named that the probes are from: --from, or placement.probe.from',
    });
  const message = {
    type: options.type ?? usual?.type ?? ('marketing' as const),
    from,
    subject: options.subject ?? usual?.subject ?? 'Your weekly summary',
    text: options.text === undefined ? (usual?.text ?? '') : await readFile(options.text, 'utf8'),
    html: options.html === undefined ? (usual?.html ?? null) : await readFile(options.html, 'utf8'),
  };
  const encodes = [topics.placements, topics.ingest(message.type)];
  const { kafka, codec } = await openPipeline(context, options.config, 'placement', encodes);
  const providerOf = providerIndex(config.providers);
  const publisher = new Publisher({ kafka, deliveryTimeoutMs: APPEND_MS_MAX });
  const now = Date.now();
  const ids: string[] = [];
  try {
    for (const { name, address } of seeds) {
      const provider = providerOf(address.slice(address.lastIndexOf('@') + 1).toLowerCase());
      const one = { seed: name, address, provider, message, campaign: options.campaign ?? null };
      const { row, outputs } = probeOutputs(one, now);
      await publisher.append(encodeOutputs(codec, outputs));
      ids.push(row.id);
    }
  } finally {
    await publisher.close();
  }
  if (options.json) context.print(`${JSON.stringify({ probes: ids })}\n`);
  else context.print(`${ids.length} probes are on their way\n`);
}

function parseDays(text: string): number {
  const days = Number(text);
  if (days > 0 && days <= DAYS_MAX) return days;
  throw new InvalidArgumentError(`a number of days up to ${DAYS_MAX} is expected`);
}

function parseType(text: string): EmailType {
  const type = EMAIL_TYPES.find((candidate) => candidate === text);
  if (type === undefined) throw new InvalidArgumentError(`one of ${EMAIL_TYPES.join(', ')} is expected`);
  return type;
}

import type { Command } from 'commander';
import type { Config } from '../../config/types.ts';
import { type CheckReport, checkSenders } from '../../dns/check.ts';
import { outgoingOf, senderOf } from '../../dns/expectations.ts';
import { openLookUps } from '../../dns/open.ts';
import type { Finding } from '../../domain/dns/finding.ts';
import {
  outgoingRecords,
  type SenderExpectation,
  senderRecords,
  type WantedRecord,
} from '../../domain/dns/sender-checks.ts';
import { zoneLine } from '../../domain/dns/zone-file.ts';
import { PostlaneError } from '../../domain/error.ts';
import { systemClock } from '../../host/clock.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { decidedKeys, expectedKeys } from '../sender-keys.ts';
import { visible } from '../visible.ts';

interface DnsOptions {
  readonly config?: string;
  readonly json?: true;
}

/** `postlane dns check|records`: whether the DNS says what mail needs, and what it should say. */
export function register(program: Command, context: CliContext): void {
  const dns = program.command('dns').summary('check what the DNS says about our mail, and print what it should say');
  common(dns.command('check'))
    .summary('check the DNS of sender domains, and of what mail leaves from')
    .description(
      'Checks SPF, DKIM, DMARC, return path, MTA-STS and TLS-RPT of one sender domain or of all, and names, greetings and ' +
        'blocklists of the addresses that mail leaves from. Ends with 1 where something is wrong, with 2 where it could not ' +
        'be found out.',
    )
    .argument('[domain]', 'one sender domain; default: all that the configuration names')
    .action((domain: string | undefined, options: DnsOptions) => check(context, domain, options));
  common(dns.command('records'))
    .summary('print the records to publish, as a zone file')
    .argument('[domain]', 'one sender domain; default: all that the configuration names')
    .action((domain: string | undefined, options: DnsOptions) => records(context, domain, options));
}

const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object');

const WRONG = 1;
const UNKNOWN = 2;

async function check(context: CliContext, domain: string | undefined, options: DnsOptions): Promise<void> {
  const config = configOf(context, options.config);
  const senders = await sendersOf(context, config, domain, options);
  const world = outgoingOf(config);
  const lookUps = openLookUps(config.dns);
  const reports = await checkSenders({ lookUps, clock: systemClock, dns: config.dns }, senders, world);
  if (options.json) context.print(`${JSON.stringify({ reports: reports.map(shown) })}\n`);
  else for (const report of reports) context.print(describe(report));
  if (reports.some(({ verdict }) => verdict === 'fails')) context.setExitStatus(WRONG);
  else if (reports.some(({ verdict }) => verdict === 'unknown')) context.setExitStatus(UNKNOWN);
}

async function records(context: CliContext, domain: string | undefined, options: DnsOptions): Promise<void> {
  const config = configOf(context, options.config);
  const world = outgoingOf(config);
  const wanted: WantedRecord[] = [];
  for (const sender of await sendersOf(context, config, domain, options)) wanted.push(...senderRecords(sender, world));
  wanted.push(...outgoingRecords(world));
  if (options.json) context.print(`${JSON.stringify({ records: wanted })}\n`);
  else for (const record of wanted) context.print(`; ${record.why}\n${visible(zoneLine(record))}\n`);
}

async function sendersOf(
  context: CliContext,
  config: Config,
  domain: string | undefined,
  options: DnsOptions,
): Promise<readonly SenderExpectation[]> {
  const chosen = config.senders.list.filter((sender) => domain === undefined || sender.domain === domain.toLowerCase());
  if (domain !== undefined && chosen.length === 0) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: `${domain} is no sender domain of the configuration`,
      domains:
        config.senders.list
          .map((sender) => sender.domain)
          .slice(0, 20)
          .join(', ') || 'none',
    });
  }
  const decided = await decidedKeys(context, options.config);
  return Promise.all(
    chosen.map(async (sender) => senderOf(config, sender, await expectedKeys(config, sender, decided))),
  );
}

/** As JSON has it: the record to publish also as a line of a zone file. */
const shown = ({ domain, verdict, findings }: CheckReport) => ({
  subject: domain ?? 'outgoing',
  verdict,
  findings: findings.map((found) => ({ ...found, zone: found.publish === null ? null : zoneLine(found.publish) })),
});

function describe({ domain, verdict, findings }: CheckReport): string {
  const subject = domain ?? 'addresses that mail leaves from';
  const lines = [`${subject}: ${verdict}`, ...findings.flatMap(describeFinding)];
  return lines.map((line) => `${visible(line)}\n`).join('');
}

function describeFinding({ severity, code, about, what, publish }: Finding): readonly string[] {
  const head = `  ${severity}  ${code}  ${about}: ${what}`;
  return publish === null ? [head] : [head, `    publish: ${zoneLine(publish)}`];
}

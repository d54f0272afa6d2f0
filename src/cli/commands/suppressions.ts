import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Suppression } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { foldAddress, parseMailbox } from '../../domain/address.ts';
import { PostlaneError } from '../../domain/error.ts';
import { parseIsoTime } from '../../domain/iso-time.ts';
import { EMAIL_TYPES, type EmailType } from '../../domain/policy.ts';
import { keyIdIn, type RecipientNames } from '../../domain/recipient-names.ts';
import { keptSignal } from '../../domain/results.ts';
import { EVERY_TENANT, recipientIn, recipientSubject, tenantPrefix } from '../../domain/suppression.ts';
import { EXPORT_COLUMNS, exportedLines } from '../../domain/suppression-list.ts';
import type { Millis } from '../../domain/time.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { csvLine } from '../../rows/csv-line.ts';
import type { CliContext } from '../context.ts';
import { register as registerForgetKey } from '../forget-key.ts';
import { addFileOptions } from '../import/file-command.ts';
import { openNames } from '../open-names.ts';
import { openPipeline } from '../open-pipeline.ts';
import { describeListImport, importList, type ListImportOptions } from '../suppression-import.ts';
import { suppressionText } from '../suppression-text.ts';
import { TableRows } from '../table-rows.ts';
import { visible } from '../visible.ts';

interface ChangeOptions {
  readonly config?: string;
  readonly why?: string;
  readonly who?: string;
  readonly tenant: string;
  readonly type?: EmailType;
  readonly until?: Millis;
}

interface ShowOptions {
  readonly config?: string;
  readonly json?: true;
}

const APPEND_MS_MAX = 30_000;

/** `postlane suppressions add|remove|show|list|import|export`: who is not mailed, and why. */
export function register(program: Command, context: CliContext): void {
  const suppressions = program
    .command('suppressions')
    .summary('suppress addresses, lift suppressions, and show why an address is not mailed');
  change(suppressions, context, 'add', 'suppression_added')
    .option('--until <time>', 'it ends by itself, at 2030-01-31T09:00:00Z say (default: never)', parseUntil)
    .summary('suppress addresses')
    .description(
      'Records that addresses are not to be mailed. It takes effect as soon as the reputation role has read it.',
    );
  change(suppressions, context, 'remove', 'suppression_removed')
    .summary('lift suppressions')
    .description(
      'Records that addresses may be mailed again, whatever happened to them before. What happens afterwards counts anew.',
    );
  suppressions
    .command('show')
    .summary('show whether an address is suppressed, and by which events')
    .description(
      'Shows whether an address is suppressed, since when, and every event that it is suppressed for. Where recipients are kept ' +
        'as keyed hashes it is found by its address all the same.',
    )
    .argument('<address>', 'address of a recipient', parseAddress)
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'the row as one JSON object; null where nothing is known')
    .action(async (folded: string, options: ShowOptions) => {
      const access = await openPipeline(context, options.config, 'suppressions', [topics.addressKeys]);
      const names = await openNames(access, context, options.config);
      const rows = await rowsOf(await TableRows.open(context, options.config), namesIn(folded, names));
      // One row, but where an address has been kept under more than one name: then what keeps mail from it.
      const row = rows.find(({ active }) => active) ?? rows[0] ?? null;
      if (options.json) return context.print(`${JSON.stringify(row)}\n`);
      for (const one of rows.length > 0 ? rows : [null]) context.print(suppressionText(folded, one, Date.now()));
    });
  registerLists(suppressions, context);
  registerForgetKey(suppressions, context);
}

const CONFIG_OPTION = [
  '--config <file>',
  'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)',
] as const;

function change(
  parent: Command,
  context: CliContext,
  name: string,
  kind: 'suppression_added' | 'suppression_removed',
): Command {
  return parent
    .command(name)
    .argument('<address...>', 'addresses of recipients', (text: string, before: readonly string[] = []) => [
      ...before,
      parseAddress(text),
    ])
    .option('--why <text>', 'reason, kept with the evidence')
    .option('--who <name>', 'who asks for it (default: the user of this machine)')
    .option('--tenant <name>', 'only mail of this tenant (default: all)', EVERY_TENANT)
    .addOption(typeOption())
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action(async (addresses: readonly string[], options: ChangeOptions) => {
      await append(addresses, kind, options, context);
      const what = kind === 'suppression_added' ? 'suppressed' : 'lifted';
      context.tell(`${what}: ${addresses.length} ${addresses.length === 1 ? 'address' : 'addresses'}`);
    });
}

/** What records may call an address. Throws CONFIG_INVALID for a hash by a key that the configuration does not give. */
function namesIn(address: string, names: RecipientNames): readonly string[] {
  const keyId = keyIdIn(address);
  if (keyId !== null && !names.keyIds.includes(keyId)) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: `privacy.address_key: has no key ${keyId}, by which ${address} was hashed`,
    });
  }
  return names.namesOf(address);
}

async function rowsOf(table: TableRows, names: readonly string[]): Promise<readonly Suppression[]> {
  const rows: Suppression[] = [];
  for (const name of names) {
    const row = await table.one(topics.suppressions, recipientSubject(name));
    if (row !== null) rows.push(row);
  }
  return rows;
}

/** What a change is written under: what new records call an address; lifting, also every other name that has a row. */
async function subjectsFor(
  addresses: readonly string[],
  kind: 'suppression_added' | 'suppression_removed',
  names: RecipientNames,
  open: () => Promise<TableRows>,
): Promise<readonly string[]> {
  const table = kind === 'suppression_removed' && names.keyIds.length > 0 ? await open() : null;
  const subjects: string[] = [];
  for (const address of addresses) {
    const [first, ...others] = namesIn(address, names);
    subjects.push(recipientSubject(first as string));
    if (table !== null) subjects.push(...(await rowsOf(table, others)).map(({ subject }) => subject));
  }
  return subjects;
}

/** One signal per address, in the log from which suppressions are folded. */
async function append(
  addresses: readonly string[],
  kind: 'suppression_added' | 'suppression_removed',
  options: ChangeOptions,
  context: CliContext,
): Promise<void> {
  const written = [topics.reputation, topics.addressKeys];
  const access = await openPipeline(context, options.config, 'suppressions', written);
  const { kafka, codec } = access;
  const names = await openNames(access, context, options.config);
  const subjects = await subjectsFor(addresses, kind, names, () => TableRows.open(context, options.config));
  const publisher = new Publisher({ kafka, deliveryTimeoutMs: APPEND_MS_MAX });
  const at = Date.now();
  const records = subjects.map((subject) => {
    const facts = {
      eventId: `operator:${randomUUID()}`,
      subject,
      kind,
      at,
      tenant: options.tenant,
      type: options.type ?? 'unknown',
      who: options.who ?? userName(),
      why: options.why ?? null,
      until: options.until ?? null,
    } as const;
    const value = keptSignal(facts, names);
    return { topic: topics.reputation.name, key: subject, value: codec.encode(topics.reputation, value) };
  });
  try {
    await publisher.append(records);
  } finally {
    await publisher.close();
  }
}

/** What `list` and `export` show: the list of the installation. Those of tenants are theirs, and are had over HTTP. */
async function activeRows(options: ShowOptions, context: CliContext): Promise<readonly Suppression[]> {
  const table = await TableRows.open(context, options.config);
  const rows = await table.all(topics.suppressions, (subject) => subject.startsWith(tenantPrefix(null)));
  const now = Date.now();
  return rows.filter(({ active, until }) => active && (until === null || until > now));
}

function registerLists(suppressions: Command, context: CliContext): void {
  suppressions
    .command('list')
    .summary('list the addresses that are suppressed')
    .description(
      'Lists the addresses that are suppressed; where recipients are kept as keyed hashes, the hashes: nobody can tell whose.',
    )
    .option(...CONFIG_OPTION)
    .option('--json', 'one JSON object per row')
    .action(async (options: ShowOptions) => {
      for (const row of await activeRows(options, context)) {
        const line = `${recipientIn(row.subject)}  ${row.severity}  since ${new Date(row.since).toISOString()}`;
        context.print(options.json ? `${JSON.stringify(row)}\n` : `${visible(line)}\n`);
      }
    });
  suppressions
    .command('export')
    .summary('write the addresses that are suppressed as CSV')
    .description(
      'Writes the addresses that are suppressed as CSV; where recipients are kept as keyed hashes, the hashes, which only an ' +
        'installation with the same privacy.address_key can take.',
    )
    .option(...CONFIG_OPTION)
    .action(async (options: ShowOptions) => {
      const now = Date.now();
      context.print(csvLine(EXPORT_COLUMNS));
      for (const row of await activeRows(options, context)) {
        context.print(exportedLines(row, now).map(csvLine).join(''));
      }
    });
  addFileOptions(describeListImport(suppressions.command('import')))
    .addOption(typeOption())
    .action((file: string, options: ListImportOptions) => importList(file, options, context, userName));
}

const typeOption = (): Option =>
  new Option('--type <type>', 'only mail of this type (default: all)').choices([...EMAIL_TYPES]);

function parseUntil(text: string): Millis {
  const at = parseIsoTime(text);
  if (at === null) throw new InvalidArgumentError('a time with its zone is expected, as 2030-01-31T09:00:00Z');
  return at;
}

/** Folded; or, as lists show it, the hash of one. */
function parseAddress(text: string): string {
  if (keyIdIn(text) !== null) return text;
  const mailbox = parseMailbox(text);
  if (!mailbox.ok) throw new InvalidArgumentError(`an address is expected (${mailbox.fault})`);
  return foldAddress(mailbox.value);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'operator'; // a container may run under a number that has no name
  }
}

import { type Command, InvalidArgumentError } from 'commander';
import type { Config } from '../../config/types.ts';
import type { DkimKeyRow } from '../../contracts/generated.ts';
import { newSelector, retirementProblem, type StandingKey, standingKeys } from '../../domain/dkim-keys.ts';
import { dkimName } from '../../domain/dns/check-dkim.ts';
import { txt } from '../../domain/dns/finding.ts';
import { zoneLine } from '../../domain/dns/zone-file.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { DkimKey } from '../../domain/policy.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { type MadeKey, makeKey, readKey } from '../dkim-key-files.ts';
import { SenderTables } from '../sender-tables.ts';
import { visible } from '../visible.ts';

interface DkimOptions {
  readonly config?: string;
  readonly json?: true;
}

interface GenerateOptions extends DkimOptions {
  readonly algorithm: DkimKey['algorithm'];
  readonly selector?: string;
  readonly store?: string;
  readonly privateKey?: string;
}

const ALGORITHMS = ['rsa-sha256', 'ed25519-sha256'] as const;
const STORE =
  'where the private key is kept, under its selector: a directory, vault:MOUNT/PATH or aws-sm:NAME (default: keys/<domain> in state_dir)';
const SELECTOR = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** `postlane dkim generate|list|rotate|retire`: the keys that mail is signed with, changed without a restart. */
export function register(program: Command, context: CliContext): void {
  const dkim = program.command('dkim').summary('make, list, rotate and retire the keys that mail is signed with');
  common(dkim.command('generate'))
    .summary('make a key for a sender domain')
    .description(
      'Makes a key and prints the record to publish. Workers sign with it once the DNS has shown the record for ' +
        'dns.key_settle (role dns looks); until then the keys before it sign.',
    )
    .argument('<domain>', 'a sender domain of the configuration')
    .option('--algorithm <name>', `one of ${ALGORITHMS.join(', ')}`, parseAlgorithm, 'rsa-sha256' as const)
    .option('--selector <name>', 'default: one that says when it was made', parseSelector)
    .option('--store <place>', STORE)
    .option(
      '--private-key <reference>',
      'take the key that this secret (file:…, vault:… and so on) holds, and make none',
    )
    .action((domain: string, options: GenerateOptions) => generate(context, domain, options));
  common(dkim.command('list'))
    .summary('show the keys of sender domains, and where they stand')
    .argument('[domain]', 'default: all')
    .action((domain: string | undefined, options: DkimOptions) => list(context, domain, options));
  common(dkim.command('rotate'))
    .summary('make a successor for every key that signs')
    .description(
      'Makes a new key beside each one that signs, and prints the records to publish. The old keys sign until the DNS ' +
        'shows the new ones, and their records stay until they are retired.',
    )
    .argument('<domain>', 'a sender domain of the configuration')
    .option('--store <place>', STORE)
    .action((domain: string, options: DkimOptions & { readonly store?: string }) => rotate(context, domain, options));
  common(dkim.command('retire'))
    .summary('end a key that no longer signs, so that its record may go')
    .description(
      'Ends a key for good. Refused while it signs, and while mails that it signed may still be on their way: ' +
        'their signatures are verified with its record.',
    )
    .argument('<domain>', 'a sender domain of the configuration')
    .argument('<selector>', 'of the key')
    .option('--now', 'mails that it signed may lose their signature')
    .action((domain: string, selector: string, options: DkimOptions & { readonly now?: true }) =>
      retire(context, domain, selector, options),
    );
}

const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object');

/** What a command works on. */
interface DomainKeys {
  readonly config: Config;
  readonly tables: SenderTables;
  readonly domain: string;
  readonly rows: readonly DkimKeyRow[];
  readonly standing: readonly StandingKey[];
}

async function open(context: CliContext, name: string, options: DkimOptions): Promise<DomainKeys> {
  const config = configOf(context, options.config);
  const domain = name.toLowerCase();
  const sender = config.senders.list.find((candidate) => candidate.domain === domain);
  if (sender === undefined) {
    throw new PostlaneError('CONFIG_INVALID', { what: `${domain} is no sender domain: write it into senders.domains` });
  }
  const tables = await SenderTables.open(context, options.config);
  const [keys, checks] = await Promise.all([tables.keys(), tables.checks()]);
  const rows = keys.get(domain)?.keys ?? [];
  const known = { configured: sender.dkim, rows, check: checks.get(domain) };
  return { config, tables, domain, rows, standing: standingKeys(known, Date.now(), config.dns.keySettleMs) };
}

async function generate(context: CliContext, name: string, options: GenerateOptions): Promise<void> {
  const found = await open(context, name, options);
  const taken = found.standing.map(({ selector }) => selector);
  const selector = options.selector ?? newSelector(options.algorithm, Date.now(), taken);
  if (taken.includes(selector)) {
    throw new PostlaneError('CONFIG_INVALID', { what: `${found.domain} has a key with the selector ${selector}` });
  }
  const { algorithm, privateKey: reference, store } = options;
  const made =
    reference === undefined
      ? await makeKey(found.config, { domain: found.domain, selector, algorithm, store })
      : await readKey(found.config, { selector, algorithm, reference });
  await add(found, [{ selector, algorithm, made }]);
  tell(context, found.domain, [{ selector, algorithm, made }], options);
}

async function rotate(
  context: CliContext,
  name: string,
  options: DkimOptions & { readonly store?: string },
): Promise<void> {
  const found = await open(context, name, options);
  const signing = found.standing.filter(({ state }) => state === 'signing');
  if (signing.length === 0) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: `${found.domain} has no key that signs: postlane dkim generate makes the first`,
    });
  }
  const waiting = found.standing.filter(({ state }) => state === 'waiting');
  if (waiting.length > 0) {
    const what = `a new key waits already (${waiting.map(({ selector }) => selector).join(', ')}): publish its record, or retire it`;
    throw new PostlaneError('CONFIG_INVALID', { what });
  }
  const taken = found.standing.map(({ selector }) => selector);
  const successors = [];
  for (const { algorithm } of signing) {
    const selector = newSelector(algorithm, Date.now(), taken);
    const made = await makeKey(found.config, { domain: found.domain, selector, algorithm, store: options.store });
    successors.push({ selector, algorithm, made });
  }
  await add(found, successors);
  tell(context, found.domain, successors, options);
}

interface Successor {
  readonly selector: string;
  readonly algorithm: DkimKey['algorithm'];
  readonly made: MadeKey;
}

async function add({ tables, domain, rows }: DomainKeys, successors: readonly Successor[]): Promise<void> {
  const at = Date.now();
  const added = successors.map(({ selector, algorithm, made }) => ({ selector, algorithm, ...made, at, until: null }));
  await tables.put({ domain, keys: [...rows, ...added], at });
}

function tell(context: CliContext, domain: string, made: readonly Successor[], { json }: DkimOptions): void {
  const records = made.map(({ selector, made: { record } }) => txt(dkimName(selector, domain), record));
  if (json) {
    const keys = made.map(({ selector, algorithm, made: { privateKey } }) => ({ selector, algorithm, privateKey }));
    context.print(`${JSON.stringify({ domain, keys, records })}\n`);
    return;
  }
  for (const {
    selector,
    made: { privateKey },
  } of made)
    context.tell(`${selector}: the private key is ${privateKey}`);
  context.tell('publish this; mail is signed with it once the DNS shows it');
  for (const record of records) context.print(`${zoneLine(record)}\n`);
}

async function list(context: CliContext, name: string | undefined, options: DkimOptions): Promise<void> {
  const config = configOf(context, options.config);
  const tables = await SenderTables.open(context, options.config);
  const [keys, checks] = await Promise.all([tables.keys(), tables.checks()]);
  const now = Date.now();
  const shown = config.senders.list
    .filter(({ domain }) => name === undefined || domain === name.toLowerCase())
    .flatMap(({ domain, dkim }) => {
      const known = { configured: dkim, rows: keys.get(domain)?.keys ?? [], check: checks.get(domain) };
      return standingKeys(known, now, config.dns.keySettleMs).map((key) => ({ domain, ...timesOf(key) }));
    });
  if (options.json) context.print(`${JSON.stringify({ keys: shown })}\n`);
  else if (shown.length === 0) context.print('there are no keys\n');
  for (const key of options.json ? [] : shown) {
    const times = [
      key.madeAt === null ? 'of the configuration' : `made ${key.madeAt}`,
      key.shownSince === null ? null : `shown since ${key.shownSince}`,
      key.supersededAt === null ? null : `superseded ${key.supersededAt}`,
      key.retiredAt === null ? null : `retired ${key.retiredAt}`,
    ];
    const facts = [key.domain, key.selector, key.algorithm, key.state, ...times].filter((fact) => fact !== null);
    context.print(`${visible(facts.join('  '))}\n`);
  }
}

const timeOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const timesOf = ({ madeAt, shownSince, supersededAt, retiredAt, ...key }: StandingKey) => ({
  ...key,
  madeAt: timeOf(madeAt),
  shownSince: timeOf(shownSince),
  supersededAt: timeOf(supersededAt),
  retiredAt: timeOf(retiredAt),
});

async function retire(
  context: CliContext,
  name: string,
  selector: string,
  options: DkimOptions & { readonly now?: true },
): Promise<void> {
  const { tables, domain, rows, standing } = await open(context, name, options);
  const key = standing.find((candidate) => candidate.selector === selector);
  if (key === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `${domain} has no key ${selector}` });
  const at = Date.now();
  const problem = retirementProblem(key, at);
  const isFinal = key.state === 'signing' || key.state === 'retired';
  if (problem !== null && (isFinal || !options.now)) {
    const hint = isFinal ? {} : { hint: '--now retires it nonetheless' };
    throw new PostlaneError('CONFIG_INVALID', { what: `${selector} stays: ${problem}`, ...hint });
  }
  const { algorithm, privateKey } = key;
  // Of a key of the configuration the row only says that it has ended.
  const row = rows.find((one) => one.selector === selector) ?? { selector, algorithm, privateKey, record: '', at };
  const keys = [...rows.filter((one) => one.selector !== selector), { ...row, until: at }];
  await tables.put({ domain, keys: keys.toSorted((left, right) => left.at - right.at), at });
  const record = dkimName(selector, domain);
  if (options.json)
    context.print(`${JSON.stringify({ domain, selector, retiredAt: timeOf(at), remove: record, privateKey })}\n`);
  else context.tell(`retired: ${selector}. The record ${record} may go, and so may the private key ${privateKey}`);
}

function parseAlgorithm(text: string): DkimKey['algorithm'] {
  const found = ALGORITHMS.find((algorithm) => algorithm === text || algorithm.startsWith(`${text}-`));
  if (found === undefined) throw new InvalidArgumentError(`one of ${ALGORITHMS.join(', ')} is expected`);
  return found;
}

function parseSelector(text: string): string {
  if (!SELECTOR.test(text)) throw new InvalidArgumentError('letters, digits and hyphens, 63 at most, are expected');
  return text;
}

import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Suppression } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { foldAddress, parseMailbox } from '../../domain/address.ts';
import { PostlaneError } from '../../domain/error.ts';
import { partitionOf } from '../../domain/partitioner.ts';
import { EMAIL_TYPES, type EmailType } from '../../domain/policy.ts';
import { signal } from '../../domain/results.ts';
import { EVERY_TENANT, recipientSubject } from '../../domain/suppression.ts';
import { createKafka } from '../../kafka/client.ts';
import { Publisher } from '../../kafka/publisher.ts';
import { rangesOf } from '../../kafka/topic-ends.ts';
import { scanTopics } from '../../kafka/topic-scan.ts';
import { openRegistryCodec } from '../../registry/codec.ts';
import type { StoredRecord } from '../../runtime/ports.ts';
import { connectionOf } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { suppressionText } from '../suppression-text.ts';

interface ChangeOptions {
  readonly config?: string;
  readonly why?: string;
  readonly who?: string;
  readonly tenant: string;
  readonly type?: EmailType;
}

interface ShowOptions {
  readonly config?: string;
  readonly json?: true;
}

const APPEND_MS_MAX = 30_000;

/** `postlane suppressions add|remove|show`: who is not mailed, and why. */
export function register(program: Command, context: CliContext): void {
  const suppressions = program
    .command('suppressions')
    .summary('suppress addresses, lift suppressions, and show why an address is not mailed');
  change(suppressions, context, 'add', 'suppression_added')
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
    .description('Shows whether an address is suppressed, since when, and every event that it is suppressed for.')
    .argument('<address>', 'address of a recipient', parseAddress)
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'the row as one JSON object; null where nothing is known')
    .action(async (folded: string, options: ShowOptions) => {
      const row = await readRow(recipientSubject(folded), options, context);
      context.print(options.json ? `${JSON.stringify(row)}\n` : suppressionText(folded, row, Date.now()));
    });
}

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
    .addOption(new Option('--type <type>', 'only mail of this type (default: all)').choices([...EMAIL_TYPES]))
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action(async (addresses: readonly string[], options: ChangeOptions) => {
      await append(addresses, kind, options, context);
      const what = kind === 'suppression_added' ? 'suppressed' : 'lifted';
      context.tell(`${what}: ${addresses.length} ${addresses.length === 1 ? 'address' : 'addresses'}`);
    });
}

/** One signal per address, in the log from which suppressions are folded. */
async function append(
  addresses: readonly string[],
  kind: 'suppression_added' | 'suppression_removed',
  options: ChangeOptions,
  context: CliContext,
): Promise<void> {
  const { brokers, clientId, schemaRegistryUrl: url, jobBytesMax } = await connectionOf(context, options.config);
  const codec = await openRegistryCodec({ url, encodes: [topics.reputation], jobBytesMax });
  const kafka = await createKafka({ brokers, clientId: `${clientId}-suppressions` });
  const publisher = new Publisher({ kafka, deliveryTimeoutMs: APPEND_MS_MAX });
  const at = Date.now();
  const records = addresses.map((folded) => {
    const subject = recipientSubject(folded);
    const value = signal({
      eventId: `operator:${randomUUID()}`,
      subject,
      kind,
      at,
      tenant: options.tenant,
      type: options.type ?? 'unknown',
      who: options.who ?? userName(),
      why: options.why ?? null,
    });
    return { topic: topics.reputation.name, key: subject, value: codec.encode(topics.reputation, value) };
  });
  try {
    await publisher.append(records);
  } finally {
    await publisher.close();
  }
}

/** The newest row of a subject in the compacted topic; null where there is none. */
async function readRow(subject: string, options: ShowOptions, context: CliContext): Promise<Suppression | null> {
  const { brokers, clientId, schemaRegistryUrl: url, jobBytesMax } = await connectionOf(context, options.config);
  const codec = await openRegistryCodec({ url, encodes: [], jobBytesMax });
  const kafka = await createKafka({ brokers, clientId: `${clientId}-suppressions` });
  const ranges = await rangesOf(kafka, [topics.suppressions.name]);
  const home = partitionOf(subject, ranges.length);
  const key = Buffer.from(subject);
  let newest: StoredRecord | null = null;
  await scanTopics(kafka, {
    ranges: ranges.filter(({ partition }) => partition === home),
    follow: false,
    signal: context.interrupted,
    apply: (_topic, _partition, records) => {
      newest = records.findLast((record) => record.key?.equals(key)) ?? newest;
    },
  });
  const found = newest as StoredRecord | null;
  if (found === null || found.value === null) return null;
  await codec.prepare(topics.suppressions, [found]);
  const decoded = codec.decode(topics.suppressions, found.value);
  if (decoded.ok) return decoded.value;
  throw new PostlaneError('RECORD_UNDECODABLE', { topic: topics.suppressions.name, partition: home, ...decoded });
}

function parseAddress(text: string): string {
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

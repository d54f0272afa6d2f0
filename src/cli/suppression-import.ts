import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Imported } from '../../producers/import/import.ts';
import type { ReputationSignal } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import type { EmailType } from '../domain/policy.ts';
import type { RecipientNames } from '../domain/recipient-names.ts';
import { keptSignal } from '../domain/results.ts';
import { EVERY_TENANT, recipientSubject } from '../domain/suppression.ts';
import { isListHeader, type ListedSuppression, suppressionReader } from '../domain/suppression-list.ts';
import { RowFile } from '../rows/open.ts';
import { fingerprintOf } from '../rows/text-source.ts';
import type { CliContext } from './context.ts';
import { EXIT_BAD_LINES, EXIT_INTERRUPTED, summaryOf } from './import/file-command.ts';
import { type FileOptions, rowFileOptions, stateDirectoryOf } from './import/options.ts';
import { runImport } from './import/run.ts';
import { ImportState } from './import/state.ts';
import { openNames } from './open-names.ts';
import { openPipeline } from './open-pipeline.ts';

export interface ListImportOptions extends FileOptions {
  readonly who?: string;
  readonly why?: string;
  readonly tenant: string;
  readonly type?: EmailType;
}

/** Who asks for changes where nobody says so. */
export type NameOf = () => string;

/** `postlane suppressions import FILE`: it goes on where it was when it is given again, as imports of mails do. */
export async function importList(
  given: string,
  options: ListImportOptions,
  context: CliContext,
  userName: NameOf,
): Promise<void> {
  const path = given === '-' ? given : resolve(context.workingDirectory, given);
  const file = await RowFile.open({ ...rowFileOptions(path, options), isHeader: isListHeader, isRagged: true });
  const written = [topics.reputation, topics.addressKeys];
  const pipeline = await openPipeline(context, options.config, 'suppressions', written);
  const names = await openNames(pipeline, context, options.config);
  const state = await ImportState.open({
    directory: stateDirectoryOf(path, options, 'suppressions', context.workingDirectory),
    errorsPath: options.errors === undefined ? null : resolve(context.workingDirectory, options.errors),
    settings: {
      fingerprint: path === '-' ? null : await fingerprintOf(path),
      who: options.who ?? null,
      why: options.why ?? null,
      tenant: options.tenant,
      type: options.type ?? null,
    },
    restart: options.restart ?? false,
    now: Date.now,
    decide: async () => ({ importId: randomUUID(), who: options.who ?? userName() }),
  });
  try {
    const { decided, startedAt } = state.reached;
    const said = { importId: String(decided.importId), who: String(decided.who), at: startedAt };
    const encode = (value: ReputationSignal) => pipeline.codec.encode(topics.reputation, value);
    const accept = acceptorOf(file, options, said, { names, encode });
    const outcome = await runImport({ file, state, kafka: pipeline.kafka, accept, rowsPerSecond: null }, context);
    if (options.json) context.print(summaryOf({ ...outcome, importId: said.importId }, state.errorsPath));
    const { published, refused } = outcome.counts;
    context.tell(`suppressed: ${published}; refused lines: ${refused}${refused > 0 ? `, in ${state.errorsPath}` : ''}`);
    // What is done may be done again, say after suppressions were lifted.
    if (outcome.isDone) await state.forget();
    else context.tell('interrupted: the same command goes on from here');
    context.setExitStatus(outcome.isDone ? (refused > 0 ? EXIT_BAD_LINES : 0) : EXIT_INTERRUPTED);
  } finally {
    await state.close();
    file.close();
  }
}

interface Said {
  readonly importId: string;
  readonly who: string;
  readonly at: number;
}

/** The same line of the same import is the same event, however often it is read. */
function acceptorOf(
  file: RowFile,
  options: ListImportOptions,
  { importId, who, at }: Said,
  { names, encode }: { readonly names: RecipientNames; readonly encode: (value: ReputationSignal) => Buffer },
): (row: {
  readonly line: number;
  readonly columns: readonly string[];
  readonly fields: readonly string[];
}) => Imported {
  const readFile = file.columns === null ? null : suppressionReader(file.columns, names);
  return ({ line, columns, fields }) => {
    const listed = (readFile ?? suppressionReader(columns, names))(fields);
    if (!listed.ok) return listed;
    const { address, reason, until, tenant, type }: ListedSuppression = listed.entry;
    const subject = recipientSubject(names.nameOf(address));
    const facts = {
      eventId: `import:${importId}:${line}`,
      subject,
      kind: 'suppression_added',
      at,
      tenant: tenant ?? options.tenant,
      type: type ?? options.type ?? 'unknown',
      who,
      why: reason ?? options.why ?? null,
      until,
    } as const;
    const value = keptSignal(facts, names);
    return { ok: true, record: { topic: topics.reputation.name, key: subject, value: encode(value) } };
  };
}

/** What the command says of itself. */
export const describeListImport = (command: Command): Command =>
  command
    .summary('suppress the addresses of a file')
    .description(
      'Suppresses every address of a CSV file as Amazon SES, SendGrid, Mailgun, Postmark or `suppressions export` write it, of ' +
        'NDJSON, or of a file with one address per line; of any size. Where recipients are kept as keyed hashes, addresses are ' +
        'hashed on the way in, and the hashes of an export are taken. Killed or interrupted, it goes on where it was when the ' +
        'same command is given again. Ends with 0 where every line was taken, 2 where some were refused, and 1 where it could ' +
        'not go on.',
    )
    .argument('<file>', 'the file, also packed with gzip; - for standard input')
    .option('--who <name>', 'who asks for it (default: the user of this machine)')
    .option('--why <text>', 'reason, where the file names none')
    .option('--tenant <name>', 'only mail of this tenant, where the file names none (default: all)', EVERY_TENANT);

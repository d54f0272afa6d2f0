import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Content, Mailing } from '../../../producers/import/accept.ts';
import { compileMapping, type MappingRules, unknownTargets } from '../../../producers/import/mapping.ts';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import { EMAIL_TYPES } from '../../domain/policy.ts';
import { systemClock } from '../../host/clock.ts';
import { jobRulesOf } from '../../host/job-rules.ts';
import { sampleLinksOf } from '../../host/own-links.ts';
import { RowFile } from '../../rows/open.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { RowAcceptor } from '../import/acceptor.ts';
import { type DryRun, dryRun, dryRunText } from '../import/dry-run.ts';
import { addFileOptions, EXIT_BAD_LINES, EXIT_INTERRUPTED, summaryOf, summaryText } from '../import/file-command.ts';
import * as read from '../import/options.ts';
import { ImportProgress } from '../import/progress.ts';
import { runImport } from '../import/run.ts';
import { ImportState } from '../import/state.ts';
import { type ImportTemplate, readTemplate } from '../import/template.ts';
import { openPipeline, type PipelineAccess } from '../open-pipeline.ts';

/** `postlane import FILE`: one mail for each row of a file. */
export function register(program: Command, context: CliContext): void {
  const command = program
    .command('import')
    .summary('send a campaign: one mail for each row of a CSV or NDJSON file')
    .description(
      'Publishes one job for each row of a file of any size, in constant memory. Bad rows go to a file of errors, and the ' +
        'rest goes through. Killed or interrupted, it goes on where it was when the same command is given again, and sends ' +
        'nothing twice. Ends with 0 where every row was published, 2 where some were refused, 130 where it was interrupted, ' +
        'and 1 where it could not go on.',
    )
    .argument('<file>', 'CSV or NDJSON, also packed with gzip; - for standard input')
    .option(
      '--template <id[@version]>',
      'template that makes the mails (default version: the newest)',
      read.parseTemplate,
    )
    .option(
      '--map <target=column,…>',
      'what columns become: recipient, a variable of the template (or merge.<name>), metadata.<name>, tag, sendAt, expiresAt, ' +
        'or without a template from, replyTo, subject, html, text, unsubscribeLink; may be repeated',
      read.parseMappings,
      [],
    )
    .option(
      '--key <column>',
      'column that tells rows apart, so that a changed file can be imported again (default: their lines)',
    )
    .option('--campaign <name>', 'campaign that the mails belong to')
    .addOption(new Option('--type <type>', 'type of the mails').choices([...EMAIL_TYPES]).default('marketing'))
    .option('--tenant <name>', 'who the mails are sent for', 'default')
    .option(
      '--tag <tag>',
      'label for results; may be repeated',
      (tag: string, before: readonly string[]) => [...before, tag],
      [],
    )
    .option('--from <mailbox>', 'without a template: the sender')
    .option('--subject <text>', 'without a template: the subject')
    .option('--html <file>', 'without a template: file with the HTML')
    .option('--text <file>', 'without a template: file with the plain text')
    .option(
      '--send-at <time>',
      'not before: 2030-01-31T09:00:00+01:00, or +1d2h30m from now; up to 30 days',
      read.parseSendAt,
    )
    .option('--rate <n>', 'mails per second at most', read.parseRate)
    .option('--dry-run', 'publish nothing: show the first mails, and count what would be refused or suppressed')
    .option('--show <n>', 'mails that a dry run shows', read.parseCount, 3)
    .option(
      '--id <text>',
      'what the import is called; ids of its jobs begin with it (default: campaign or template, and the file)',
    );
  addFileOptions(command).action((file: string, options: read.ImportOptions) => importFile(file, options, context));
}

async function importFile(given: string, options: read.ImportOptions, context: CliContext): Promise<void> {
  const path = given === '-' ? given : resolve(context.workingDirectory, given);
  const payload = await read.payloadOf(options, context.workingDirectory);
  const file = await RowFile.open(read.rowFileOptions(path, options));
  try {
    const identity = await read.identify(path, options, context.workingDirectory);
    const pipeline = await openPipeline(context, options.config, 'import', [topics.ingest(options.type)]);
    const job: ImportJob = { path, options, file, pipeline, identity, payload };
    await (options.dryRun ? showDryRun(job, context) : publish(job, context));
  } finally {
    file.close();
  }
}

interface ImportJob {
  readonly path: string;
  readonly options: read.ImportOptions;
  readonly file: RowFile;
  readonly pipeline: PipelineAccess;
  readonly identity: read.ImportIdentity;
  readonly payload: Awaited<ReturnType<typeof read.payloadOf>>;
}

async function publish(job: ImportJob, context: CliContext): Promise<void> {
  const { path, options, file, identity } = job;
  let template: ImportTemplate | null = null;
  const state = await ImportState.open({
    directory: identity.stateDirectory,
    errorsPath: options.errors === undefined ? null : resolve(context.workingDirectory, options.errors),
    settings: settingsOf(job),
    restart: options.restart ?? false,
    now: Date.now,
    decide: async () => {
      template = await templateOf(job, options.template?.version ?? null, context);
      const sendAt = options.sendAt?.at(Date.now()) ?? null;
      // Nothing is begun that could not go on.
      acceptorOf(job, template, sendAt, context);
      return { sendAt, templateVersion: template?.version ?? null };
    },
  });
  try {
    const { decided, finishedAt, counts, place } = state.reached;
    if (finishedAt !== null) {
      context.tell(
        `${read.fileName(path)} was imported at ${new Date(finishedAt).toISOString()}; --restart imports it again`,
      );
      const summary = { ...identity, counts, resumedRows: counts.rows, isDone: true, durationMs: 0 };
      context.print(options.json ? summaryOf(summary, state.errorsPath) : summaryText(summary, state.errorsPath));
      return;
    }
    template ??= await templateOf(job, decided.templateVersion as number | null, context);
    const acceptor = acceptorOf(job, template, decided.sendAt as number | null, context);
    context.tell(`import ${identity.importId}${place.lines > 0 ? `: going on behind line ${place.lines}` : ''}`);
    const accept = acceptor.accept.bind(acceptor);
    const outcome = await runImport(
      { file, state, kafka: job.pipeline.kafka, accept, rowsPerSecond: options.rate ?? null },
      context,
    );
    const summary = { ...identity, ...outcome };
    context.print(options.json ? summaryOf(summary, state.errorsPath) : summaryText(summary, state.errorsPath));
    if (!outcome.isDone) context.tell('interrupted: the same command goes on from here');
    context.setExitStatus(outcome.isDone ? (outcome.counts.refused > 0 ? EXIT_BAD_LINES : 0) : EXIT_INTERRUPTED);
  } finally {
    await state.close();
  }
}

async function showDryRun(job: ImportJob, context: CliContext): Promise<void> {
  const { options, file } = job;
  const template = await templateOf(job, options.template?.version ?? null, context);
  const acceptor = acceptorOf(job, template, options.sendAt?.at(Date.now()) ?? null, context);
  const progress = new ImportProgress({ rows: 0, published: 0, refused: 0 }, () => file.share, context.tell);
  const links = sampleLinksOf(configOf(context, options.config));
  const parts = { file, acceptor, template, links, show: options.show };
  const outcome: DryRun = await dryRun(
    { ...parts, onProgress: (counts) => progress.update(counts) },
    context,
    options.config,
  );
  progress.clear();
  context.print(options.json ? `${JSON.stringify(outcome)}\n` : dryRunText(outcome));
  if (outcome.refused > 0) context.setExitStatus(EXIT_BAD_LINES);
  if (context.interrupted.aborted) context.setExitStatus(EXIT_INTERRUPTED);
}

/** What must be the same for an import to go on. */
function settingsOf({ options, identity, payload }: ImportJob): Readonly<Record<string, unknown>> {
  const { template, map, key, tenant, type, campaign, tag, sendAt, format, delimiter, encoding, columns } = options;
  return {
    importId: identity.importId,
    fingerprint: identity.fingerprint,
    template: template?.id ?? null,
    templateVersion: template?.version ?? null,
    payload,
    map,
    key: key ?? null,
    tenant,
    type,
    campaign: campaign ?? null,
    tags: tag,
    sendAt: sendAt?.written ?? null,
    format: format ?? null,
    delimiter: delimiter ?? null,
    encoding: encoding ?? null,
    columns: columns ?? null,
  };
}

async function templateOf(
  { options, pipeline }: ImportJob,
  version: number | null,
  context: CliContext,
): Promise<ImportTemplate | null> {
  if (!options.template) return null;
  const wanted = { tenant: options.tenant, id: options.template.id, version };
  return readTemplate(pipeline, wanted, context.interrupted);
}

/** Throws CONFIG_INVALID where a mapping names what there is not. */
function acceptorOf(
  { options, file, pipeline, identity, payload }: ImportJob,
  template: ImportTemplate | null,
  sendAt: number | null,
  context: CliContext,
): RowAcceptor {
  const mapping: MappingRules = {
    mappings: options.map,
    keyColumn: options.key ?? null,
    variables: template?.compiled.variables ?? [],
  };
  const unknown = unknownTargets(mapping);
  if (unknown.length > 0) {
    const { variables } = mapping;
    const what = 'columns are mapped to what there is not';
    throw new PostlaneError('CONFIG_INVALID', { what, unknown, variables, remedy: 'write target=column' });
  }
  const compiled = file.columns === null ? null : compileMapping(file.columns, mapping);
  if (compiled?.ok === false) {
    const { columns } = file;
    throw new PostlaneError('CONFIG_INVALID', {
      what: 'the file has no such column',
      missing: compiled.detail,
      columns,
    });
  }
  const content: Content =
    template === null
      ? { kind: 'payload', payload: payload ?? {} }
      : { kind: 'template', id: template.id, version: template.version };
  const { tenant, type, campaign = null, tag: tags } = options;
  const mailing: Mailing = { importId: identity.importId, tenant, type, campaign, tags, sendAt, content };
  const config = configOf(context, options.config);
  const judging = { rules: jobRulesOf(config), links: sampleLinksOf(config) };
  return new RowAcceptor({ mailing, mapping, template, ...judging, codec: pipeline.codec, clock: systemClock });
}

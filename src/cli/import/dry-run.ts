import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmailJob } from '../../contracts/generated.ts';
import { foldAddress, parseMailbox } from '../../domain/address.ts';
import { suppresses } from '../../domain/suppression.ts';
import { openViews, type Views } from '../../host/views.ts';
import type { RowFile } from '../../rows/open.ts';
import { joinPieces, type OwnLinks, ownValuesOf, renderTemplate } from '../../templates/index.ts';
import { configOf } from '../catalog.ts';
import { connectionOf } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { openTelemetry, withHost } from '../open-host.ts';
import { visible } from '../visible.ts';
import type { RowAcceptor } from './acceptor.ts';
import type { ImportTemplate } from './template.ts';

/** A mail as it would be sent, for people. */
export interface ShownMail {
  readonly line: number;
  readonly id: string;
  readonly to: string;
  readonly from: string;
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
}

/** What an import would do. */
export interface DryRun {
  readonly rows: number;
  /** Rows that would become jobs; some of them are to suppressed addresses. */
  readonly good: number;
  readonly suppressed: number;
  readonly refused: number;
  /** Refused rows by problem. */
  readonly problems: Readonly<Record<string, number>>;
  readonly firstRefused: readonly { readonly line: number; readonly problem: string; readonly detail: string }[];
  readonly mails: readonly ShownMail[];
}

interface Counting {
  rows: number;
  good: number;
  suppressed: number;
  refused: number;
  readonly problems: Map<string, number>;
  readonly firstRefused: { line: number; problem: string; detail: string }[];
  readonly mails: ShownMail[];
}

const REFUSED_SHOWN_MAX = 10;
const TEXT_SHOWN_MAX = 4_000;

export interface DryRunParts {
  readonly file: RowFile;
  readonly acceptor: RowAcceptor;
  readonly template: ImportTemplate | null;
  /** As workers will make them. */
  readonly links: OwnLinks;
  /** Mails that are shown. */
  readonly show: number;
  readonly onProgress: (counts: {
    readonly rows: number;
    readonly published: number;
    readonly refused: number;
  }) => void;
}

/** Reads the file as an import would, and publishes nothing. Suppressions are those in force now, kept on disk while it looks. */
export async function dryRun(parts: DryRunParts, context: CliContext, configFile: string | undefined): Promise<DryRun> {
  const written = configOf(context, configFile);
  // Of a `postlane up` that runs here, as for every other command.
  const { brokers, schemaRegistryUrl: url } = await connectionOf(context, configFile);
  const kafka = { ...written.kafka, brokers: [...brokers] };
  const config = { ...written, kafka, registry: { ...written.registry, url } };
  const directory = await mkdtemp(join(tmpdir(), 'postlane-import-'));
  const telemetry = await openTelemetry(config, 'import', 'error');
  try {
    return await withHost({ ...config, stateDir: directory }, { telemetry, name: 'import' }, async (host) => {
      const views = await openViews(host, directory);
      try {
        return await look(parts, views, context.interrupted);
      } finally {
        await views.stop();
      }
    });
  } finally {
    await telemetry.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function look(
  { file, acceptor, template, links, show, onProgress }: DryRunParts,
  views: Views,
  signal: AbortSignal,
): Promise<DryRun> {
  const counting: Counting = {
    rows: 0,
    good: 0,
    suppressed: 0,
    refused: 0,
    problems: new Map(),
    firstRefused: [],
    mails: [],
  };
  for await (const rows of file.rows()) {
    if (signal.aborted) break;
    for (const row of rows) {
      counting.rows++;
      const judged = row.ok ? acceptor.judge(row) : row;
      if (!judged.ok) {
        refuse(counting, row.line, judged);
        continue;
      }
      counting.good++;
      if (isSuppressed(judged.job, views)) counting.suppressed++;
      if (counting.mails.length < show) counting.mails.push(shownMail(row.line, judged.job, template, links));
    }
    onProgress({ rows: counting.rows, published: 0, refused: counting.refused });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { ...counting, problems: Object.fromEntries(counting.problems) };
}

function refuse(counting: Counting, line: number, { problem, detail }: { problem: string; detail: string }): void {
  counting.refused++;
  counting.problems.set(problem, (counting.problems.get(problem) ?? 0) + 1);
  if (counting.firstRefused.length < REFUSED_SHOWN_MAX) counting.firstRefused.push({ line, problem, detail });
}

function isSuppressed({ recipient, tenant, type }: EmailJob, views: Views): boolean {
  const mailbox = parseMailbox(recipient);
  if (!mailbox.ok || type === 'unknown') return false;
  const now = Date.now();
  const rows = views.suppressionsOf(tenant, foldAddress(mailbox.value));
  return rows.some((row) => suppresses(row, tenant, type, now));
}

function shownMail(line: number, job: EmailJob, template: ImportTemplate | null, links: OwnLinks): ShownMail {
  const { id, recipient: to } = job;
  if (template !== null) {
    const rendered = renderTemplate(template.compiled, job.mergeData, ownValuesOf(job, links));
    if (rendered.ok) {
      const { from, subject, html, text } = rendered.mail;
      const address = `${from.mailbox.local}@${from.mailbox.domain}`;
      return {
        line,
        id,
        to,
        from: from.name === '' ? address : `${from.name} <${address}>`,
        subject,
        text: joinPieces(text),
        html: html === null ? null : joinPieces(html),
      };
    }
  }
  const { from = '', subject = '', text = null, html = null } = job.payload ?? {};
  return { line, id, to, from, subject, text, html };
}

const count = (number: number): string => number.toLocaleString('en');

export function dryRunText(outcome: DryRun): string {
  const lines = outcome.mails.flatMap((mail) => [
    `-- line ${mail.line}, id ${visible(mail.id)}`,
    `To: ${visible(mail.to)}`,
    `From: ${visible(mail.from)}`,
    `Subject: ${visible(mail.subject)}`,
    '',
    ...(mail.text ?? '').slice(0, TEXT_SHOWN_MAX).split('\n').map(visible),
    ...(mail.html === null ? [] : [`(and ${count(mail.html.length)} characters of HTML; --json shows them)`]),
    '',
  ]);
  lines.push(
    `${count(outcome.rows)} rows: ${count(outcome.good)} would be published, ${count(outcome.refused)} refused; ` +
      `of those published ${count(outcome.suppressed)} would end suppressed`,
  );
  const problems = Object.entries(outcome.problems).sort(([, left], [, right]) => right - left);
  for (const [problem, number] of problems) lines.push(`  ${problem}: ${count(number)}`);
  for (const { line, problem, detail } of outcome.firstRefused) {
    lines.push(`  line ${line}: ${problem}${detail === '' ? '' : ` (${visible(detail)})`}`);
  }
  return `${lines.join('\n')}\n`;
}

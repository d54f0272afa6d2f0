import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { stdin } from 'node:process';
import { type Judgement, judge } from '../domain/feedback/judge.ts';
import { readFeedbackMail } from '../domain/feedback/read-feedback.ts';
import type { FeedbackFormat, FeedbackKind, Report } from '../domain/feedback/report.ts';
import { isWebhookFormat, readWebhook } from '../domain/feedback/webhooks/read-webhook.ts';
import { MAIL_BYTES_MAX, readMail } from '../mime/read-mail.ts';

/** Largest body of a webhook that is read; providers send batches of up to a thousand events. */
const WEBHOOK_BYTES_MAX = 16 * 1_048_576;

type Explained = { readonly ok: true; readonly json: string } | { readonly ok: false; readonly problem: string };

/** Reads one file and says what it is, as one line of JSON. */
export async function explainFile(
  file: string,
  as: FeedbackFormat | null,
  workingDirectory: string,
): Promise<Explained> {
  try {
    const bytes = await readBounded(file, workingDirectory);
    const report = await read(bytes, as);
    if (report === null) return { ok: false, problem: `is no ${as ?? 'JSON that is known'}` };
    return { ok: true, json: JSON.stringify(explanation(file, report)) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, problem: code === undefined ? detail : `cannot be read (${code})` };
  }
}

async function readBounded(file: string, workingDirectory: string): Promise<Buffer> {
  const input = file === '-' ? stdin : createReadStream(resolve(workingDirectory, file));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > WEBHOOK_BYTES_MAX) break;
  }
  return Buffer.concat(chunks);
}

const looksLikeJson = (bytes: Buffer): boolean => /^[\s\ufeff]*[[{]/.test(bytes.subarray(0, 64).toString());

/** Null for a body that is not what it is said to be. */
async function read(bytes: Buffer, as: FeedbackFormat | null): Promise<Report | null> {
  if (as === null ? looksLikeJson(bytes) : isWebhookFormat(as)) {
    if (bytes.length > WEBHOOK_BYTES_MAX) throw new Error(`is larger than ${WEBHOOK_BYTES_MAX} bytes`);
    return readWebhook(bytes.toString(), as);
  }
  return readFeedbackMail(await readMail(bytes.subarray(0, MAIL_BYTES_MAX)), as);
}

interface Explanation {
  readonly file: string;
  readonly kind: FeedbackKind;
  readonly recipients: readonly (Omit<Judgement, 'kind'> & { readonly kind?: FeedbackKind })[];
}

/** A recipient's own kind is said only where it differs from the report's. */
function explanation(file: string, report: Report): Explanation {
  const recipients = report.recipients.map((recipient) => {
    const { kind, ...judged } = judge(recipient);
    return kind === report.kind ? judged : { ...judged, kind };
  });
  return { file, kind: report.kind, recipients };
}

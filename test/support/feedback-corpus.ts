import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Judgement, judge } from '../../src/domain/feedback/judge.ts';
import { readFeedbackMail } from '../../src/domain/feedback/read-feedback.ts';
import {
  FEEDBACK_FORMATS,
  type FeedbackFormat,
  type FeedbackKind,
  type Report,
} from '../../src/domain/feedback/report.ts';
import { isWebhookFormat, readWebhook } from '../../src/domain/feedback/webhooks/read-webhook.ts';
import { readMail } from '../../src/mime/read-mail.ts';

/** How a sample is to be read. `kind` of a recipient is there where it differs from the report's. */
export interface Expected {
  readonly as?: FeedbackFormat;
  readonly kind: FeedbackKind;
  readonly recipients: readonly Partial<Judgement>[];
}

export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly expected: Expected;
}

const FOLDER = path.resolve(import.meta.dirname, '../corpus/feedback');

/** Every sample of the corpus: `<name>.eml` or `<name>.json`, and `<name>.expected.json` with its reading. */
export function feedbackCorpus(): Sample[] {
  const files = readdirSync(FOLDER).sort();
  return files
    .filter((file) => !file.endsWith('.expected.json'))
    .map((file) => {
      const name = file.replace(/\.(?:eml|json)$/, '');
      const expected = JSON.parse(readFileSync(path.join(FOLDER, `${name}.expected.json`), 'utf8')) as Expected;
      return { name, bytes: readFileSync(path.join(FOLDER, file)), expected };
    });
}

/** Reads bytes as the command does. */
export async function readAny(bytes: Uint8Array, as: FeedbackFormat | null): Promise<Report | null> {
  if (as !== null && isWebhookFormat(as)) return readWebhook(Buffer.from(bytes).toString(), as);
  return readFeedbackMail(await readMail(bytes), as);
}

export const judged = (report: Report): Judgement[] => report.recipients.map((recipient) => judge(recipient));

export const EVERY_FORMAT: readonly (FeedbackFormat | null)[] = [null, ...FEEDBACK_FORMATS];

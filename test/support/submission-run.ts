import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/infra/package-root.ts';
import { differences, signaturesOf } from './same-mail.ts';
import type { TestSubmission } from './submission.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const SCRIPT = join(packageRoot(), 'test', 'support', 'submit_many.py');

/** What became of mails with attachments that Python's smtplib handed in. */
export interface SubmissionRun {
  readonly sent: number;
  /** Different recipients that got one. */
  readonly arrived: number;
  /** Recipients whose mail is another one than was handed in, and how. */
  readonly changed: readonly string[];
  /** Recipients whose mail an independent verifier finds not signed by both keys. */
  readonly unsigned: readonly string[];
}

/** Hands in so many, waits until all have arrived at the sink, and compares. */
export async function runSubmission(
  submission: TestSubmission,
  key: string,
  count: number,
  withinMs: number,
): Promise<SubmissionRun> {
  const args = ['--address', `localhost:${submission.port}`, '--key', key, '--certificate', submission.certificate];
  const options = { timeout: withinMs, maxBuffer: 1_000_000_000 };
  const { stdout } = await run('python3', [SCRIPT, ...args, '--count', String(count)], options);
  const sent = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly recipient: string; readonly sent: string });
  await until('all mails to arrive', () => submission.sink.journal().length >= count, withinMs);
  const arrived = new Map(
    submission.sink.journal({ raw: true }).map(({ recipient, raw, rawEncoding }) => {
      return [recipient, Buffer.from(raw ?? '', rawEncoding ?? 'utf8')] as const;
    }),
  );
  const changed: string[] = [];
  const unsigned: string[] = [];
  for (const { recipient, sent: source } of sent) {
    const pair = { sent: Buffer.from(source, 'base64'), arrived: arrived.get(recipient) ?? Buffer.alloc(0) };
    const found = differences(pair);
    if (found.length > 0) changed.push(`${recipient}: ${found.join('; ')}`);
    const signatures = await signaturesOf(pair.arrived, submission.dkimRecords);
    if (signatures.join() !== 'rsa shop.example pass,ed shop.example pass') {
      unsigned.push(`${recipient}: ${signatures.join()}`);
    }
  }
  return { sent: sent.length, arrived: arrived.size, changed, unsigned };
}

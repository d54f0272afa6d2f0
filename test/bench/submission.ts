/**
 * `npm run show:submission [-- mails]`: so many mails with attachments by Python's smtplib through submission, router and
 * workers to the sink, each compared with what was sent and verified by another implementation of DKIM. The short run is part
 * of `npm test` (test/integration/smtp/submission.test.ts).
 */
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { TestSubmission } from '../support/submission.ts';
import { runSubmission } from '../support/submission-run.ts';

const MAILS = 1_000;
const WITHIN_MS = 30 * 60_000;

const count = Number(process.argv[2] ?? MAILS);
const infra = await startTestInfra({ own: true });
try {
  await provision(infra);
  const submission = await TestSubmission.start(infra, { delivers: true });
  try {
    const { text } = await submission.key();
    const started = Date.now();
    const outcome = await runSubmission(submission, text, count, WITHIN_MS);
    console.log(JSON.stringify({ ...outcome, seconds: (Date.now() - started) / 1_000 }, null, 2));
    const { sent, arrived, changed, unsigned } = outcome;
    process.exitCode = sent === count && arrived === count && changed.length + unsigned.length === 0 ? 0 : 1;
  } finally {
    await submission.stop();
  }
} finally {
  await infra.stop();
}

import type { EmailJob } from '../../src/contracts/generated.ts';
import { addressOf, hasControlCharacter } from '../../src/domain/address.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { isPostlaneError } from '../../src/domain/error.ts';
import type { JobRules } from '../../src/domain/job.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import type { AnswerStore } from '../../src/limits/answer-store.ts';
import { takeMails } from '../../src/limits/caller-allowances.ts';
import type { RequestLimits } from '../../src/limits/request-limits.ts';
import { decodeWords } from '../../src/mime/encoded-words.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Clock, Landed, LogRecord, Telemetry } from '../../src/runtime/ports.ts';
import type { Output } from '../../src/runtime/processor.ts';
import { assembledMessage, rewriteRead } from '../../src/smtp/rewrite.ts';
import type { Answer, SubmittedMail } from '../../src/smtp/submission-server.ts';
import { readMessage, unfolded } from '../../src/smtp/whole-message.ts';
import { type Accepted, accept, answerKey, MESSAGE_FAULTS, type ReadMail } from './accept.ts';

/** What handing in needs of its surroundings. */
export interface Intake {
  /** `src/kafka/publisher.ts` does. */
  readonly appender: { append(records: readonly LogRecord[]): Promise<readonly Landed[]> };
  readonly codec: Codec;
  readonly answers: AnswerStore;
  readonly limits: RequestLimits;
  readonly rules: JobRules;
  readonly typeDefault: EmailType;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
  readonly newId: () => string;
  /** 16 bytes that stand for the parts, one after the other. */
  readonly hash: (parts: readonly (string | Uint8Array)[]) => Buffer;
  /** An append that takes longer is answered with 451; it may land all the same. */
  readonly appendMsMax: number;
}

/** Jobs of one mail that are encoded at a time: each recipient's holds the whole message. */
const CHUNK_BYTES_MAX = 8_000_000;
/** A reply line holds 512 octets (RFC 5321 section 4.5.3.1.5). */
const IDS_SHOWN_MAX = 10;

const LATER: Answer = {
  code: 451,
  text: '4.3.0 the log did not take it in time, come again; it may have taken it all the same',
};
const IN_FLIGHT: Answer = { code: 451, text: '4.3.0 a mail with this idempotency key is being worked on, come again' };
const REUSED: Answer = { code: 554, text: '5.6.0 X-Postlane-Idempotency-Key: it named another mail' };

/**
 * Judges a mail and appends a job per recipient. Answers 250 only when every in-sync replica has all of them, or had them
 * from an earlier mail under the same idempotency key.
 */
export async function submit(intake: Intake, caller: Caller, mail: SubmittedMail): Promise<Answer> {
  const count = (what: string, by = 1) => intake.telemetry.count('postlane_submission_mails_total', { what }, by);
  const judged = judge(intake, caller, mail);
  if ('code' in judged) {
    count('refused');
    return judged;
  }
  const { records, ids, idempotencyKey } = judged;
  const said = ids.length > IDS_SHOWN_MAX ? [...ids.slice(0, IDS_SHOWN_MAX), 'and more'] : ids;
  const taken: Answer = { code: 250, text: `2.6.0 accepted: ${said.join(' ')}` };
  if (idempotencyKey === null) {
    const failure = await append(intake, caller, records);
    if (failure === null) count('accepted', ids.length);
    return failure ?? taken;
  }
  const key = intake.hash(answerKey(caller.tenant, idempotencyKey)).toString('hex');
  const fingerprint = fingerprintOf(intake, records);
  const claim = await intake.answers.claim(key, fingerprint);
  if (claim.kind === 'in-flight') return IN_FLIGHT;
  if (claim.kind === 'other') return REUSED;
  if (claim.kind === 'answered') {
    count('repeated', ids.length);
    return taken;
  }
  const failure = await append(intake, caller, records);
  if (failure !== null) {
    await intake.answers.release(key, fingerprint, claim.token);
    return failure;
  }
  await intake.answers.keep(key, fingerprint, claim.token);
  count('accepted', ids.length);
  return taken;
}

const badHeader = MESSAGE_FAULTS['bad-header'] as Answer;

/** Reads, checks and writes the message again, and makes the jobs; or says what is wrong. */
function judge(intake: Intake, caller: Caller, mail: SubmittedMail): Answer | Extract<Accepted, { readonly ok: true }> {
  const read = readMessage(mail.bytes);
  const written = read.ok ? rewriteRead(read) : read;
  if (!read.ok || !written.ok) {
    const { fault } = written as { readonly fault: string };
    return MESSAGE_FAULTS[fault] ?? { code: 554, text: `5.6.0 ${fault}` };
  }
  const fields = read.fields.map((field) => ({ name: field.name, value: decodeWords(unfolded(field)) }));
  // A line break in encoded words breaks no line of the mail, but one in whatever shows it.
  if (fields.some(({ value }) => hasControlCharacter(value.replaceAll('\t', ' ')))) return badHeader;
  const readMail: ReadMail = {
    recipients: mail.recipients,
    fields,
    from: addressOf(written.from),
    mime: assembledMessage(written),
  };
  const { rules, typeDefault, newId, hash, clock } = intake;
  const context = { now: clock.now(), tenant: caller.tenant, typeDefault, newId, hash, rules };
  const accepted = accept(readMail, context);
  return accepted.ok ? accepted : accepted.refusal;
}

/** By which two mails under one key are told apart: everything but the ids, which follow from the key. */
function fingerprintOf({ hash }: Intake, records: readonly Output<EmailJob>[]): string {
  const parts = records.map(({ value }) => {
    const { payload, ...about } = value as EmailJob;
    return JSON.stringify([about, payload?.from, payload?.mime && hash([payload.mime]).toString('hex')]);
  });
  return hash(parts.toSorted().flatMap((part) => [`${part.length} `, part])).toString('hex');
}

/** Null when every in-sync replica has the records. */
async function append(intake: Intake, caller: Caller, outputs: readonly Output<EmailJob>[]): Promise<Answer | null> {
  const { limits, clock, telemetry, appendMsMax } = intake;
  const denied = await takeMails(limits, caller, outputs.length);
  if (denied) {
    const seconds = Math.ceil(denied.retryAfterMs / 1_000);
    return {
      code: 452,
      text: `4.7.1 the daily quota of ${caller.mailsPerDay} mails is used up, come again in ${seconds} s`,
    };
  }
  const settled = new AbortController();
  const appending = appendAll(intake, outputs, settled.signal).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const late = clock.sleep(appendMsMax, settled.signal).then(() => ({ error: 'it took too long' }));
  const failure = await Promise.race([appending, late]);
  settled.abort();
  if (failure === null) return null;
  if (isPostlaneError(failure.error, 'LIMIT_EXCEEDED')) {
    return { code: 552, text: '5.3.4 larger than a mail may be' };
  }
  telemetry.count('postlane_submission_mails_total', { what: 'not-kept' });
  telemetry.log('warn', 'mails could not be appended', { error: failure.error });
  return LATER;
}

/** One record after the other is encoded and, where they are large, appended: memory holds few copies of the message. */
async function appendAll(
  { appender, codec }: Intake,
  outputs: readonly Output<EmailJob>[],
  signal: AbortSignal,
): Promise<void> {
  let chunk: LogRecord[] = [];
  let bytes = 0;
  for (const output of outputs) {
    const [record] = encodeOutputs(codec, [output]) as [LogRecord];
    chunk.push(record);
    bytes += record.value?.length ?? 0;
    if (bytes < CHUNK_BYTES_MAX) continue;
    await appender.append(chunk);
    // Nobody waits for the rest any more.
    if (signal.aborted) return;
    chunk = [];
    bytes = 0;
  }
  await appender.append(chunk);
}

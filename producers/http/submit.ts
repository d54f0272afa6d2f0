import type { Caller } from '../../src/domain/api-key.ts';
import { isPostlaneError } from '../../src/domain/error.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { type HttpReply, problemReply } from '../../src/http/route.ts';
import { takeMails } from '../../src/limits/caller-allowances.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import { type AcceptContext, acceptMails, answerKey, fingerprintParts, type Verdict } from './accept.ts';
import type { Intake } from './intake.ts';

const IN_FLIGHT_RETRY_MS = SECOND_MS;
const UNAVAILABLE_RETRY_MS = 2 * SECOND_MS;

/** What became of the mails of a request, or the answer that refuses all of it. */
export type Submitted =
  | { readonly kind: 'judged'; readonly verdicts: readonly Verdict[]; readonly repeated: boolean }
  | { readonly kind: 'refused'; readonly reply: HttpReply };

const refused = (reply: HttpReply): Submitted => ({ kind: 'refused', reply });

/**
 * Judges the mails, and appends those that are good. Answers `judged` only when every in-sync replica has them, or had
 * them from an earlier request under the same idempotency key.
 */
export async function submit(
  intake: Intake,
  caller: Caller,
  mails: readonly unknown[],
  idempotencyKey: string | null,
): Promise<Submitted> {
  const context = {
    now: intake.clock.now(),
    tenant: caller.tenant,
    idempotencyKey,
    newId: intake.newId,
    hash: intake.hash,
    shapeFault: intake.mailFault,
    rules: intake.rules,
    templated: intake.templates.judge,
  };
  const judged = await acceptedMails(intake, mails, context);
  if (judged === null) {
    const detail = 'which templates there are is not known at the moment';
    return refused(problemReply('not-current', { detail }, { retryAfterMs: UNAVAILABLE_RETRY_MS }));
  }
  const { verdicts, records } = encoded(intake, judged);
  const good = records.filter((record) => record !== null);
  if (good.length === 0) return { kind: 'judged', verdicts, repeated: false };
  if (idempotencyKey === null)
    return (await append(intake, caller, good)) ?? { kind: 'judged', verdicts, repeated: false };
  const key = intake.hash(answerKey(caller.tenant, idempotencyKey)).toString('hex');
  const fingerprint = fingerprintOf(intake, verdicts, records);
  const claim = await intake.answers.claim(key, fingerprint);
  switch (claim.kind) {
    case 'answered':
      return { kind: 'judged', verdicts, repeated: true };
    case 'in-flight':
      return refused(problemReply('idempotency-key-in-flight', {}, { retryAfterMs: IN_FLIGHT_RETRY_MS }));
    case 'other':
      return refused(
        problemReply('idempotency-key-reused', { detail: 'it named other mails; a new request needs a new key' }),
      );
    default:
  }
  const failure = await append(intake, caller, good);
  if (failure !== null) {
    await intake.answers.release(key, fingerprint, claim.token);
    return failure;
  }
  await intake.answers.keep(key, fingerprint, claim.token);
  return { kind: 'judged', verdicts, repeated: false };
}

/** The verdicts; null where a template is not known here and may have been put elsewhere a moment ago. */
async function acceptedMails(
  intake: Intake,
  mails: readonly unknown[],
  context: AcceptContext,
): Promise<readonly Verdict[] | null> {
  const verdicts = acceptMails(mails, context);
  if (verdicts.every((verdict) => verdict.ok || verdict.fault.problem !== 'template-unknown')) return verdicts;
  return (await intake.templates.caughtUp()) ? acceptMails(mails, context) : null;
}

/** The records of the good ones; one that is too large is good no longer. */
function encoded(
  intake: Intake,
  judged: readonly Verdict[],
): { readonly verdicts: readonly Verdict[]; readonly records: readonly (LogRecord | null)[] } {
  const records: (LogRecord | null)[] = [];
  const verdicts = judged.map((verdict): Verdict => {
    if (!verdict.ok) {
      records.push(null);
      return verdict;
    }
    try {
      records.push(encodeOutputs(intake.codec, [verdict.record])[0] ?? null);
      return verdict;
    } catch (error) {
      if (!isPostlaneError(error, 'LIMIT_EXCEEDED')) throw error;
      records.push(null);
      const detail = `takes ${error.facts.bytes} bytes encoded; ${error.facts.bytesMax} are allowed`;
      return { ok: false, fault: { problem: 'too-large', field: '', detail } };
    }
  });
  return { verdicts, records };
}

function fingerprintOf(intake: Intake, verdicts: readonly Verdict[], records: readonly (LogRecord | null)[]): string {
  const parts = fingerprintParts(
    verdicts,
    records.map((record) => record?.value ?? null),
  );
  // Each with its length before it, so that no two lists of parts are one.
  return intake.hash(parts.flatMap((part) => [`${part.length} `, part])).toString('hex');
}

/** Null when every in-sync replica has the records. */
async function append(intake: Intake, caller: Caller, records: readonly LogRecord[]): Promise<Submitted | null> {
  const { limits, appender, clock, telemetry, appendMsMax } = intake;
  const denied = await takeMails(limits, caller, records.length);
  if (denied) return refused(problemReply('quota-exceeded', { quota: caller.mailsPerDay }, denied));
  const settled = new AbortController();
  const appending = appender.append(records).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const late = clock.sleep(appendMsMax, settled.signal).then(() => ({ error: 'it took too long' }));
  const failure = await Promise.race([appending, late]);
  settled.abort('settled');
  if (failure === null) return null;
  telemetry.count('postlane_http_unavailable_total');
  telemetry.log('warn', 'mails could not be appended', { error: failure.error });
  const wasNotSent = isPostlaneError(failure.error, 'KAFKA_UNAVAILABLE') && failure.error.facts.sent === false;
  const detail = wasNotSent
    ? 'nothing of this request was taken'
    : 'the mails may have been taken all the same: repeat the request under the same Idempotency-Key';
  return refused(problemReply('unavailable', { detail }, { retryAfterMs: UNAVAILABLE_RETRY_MS }));
}

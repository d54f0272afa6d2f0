import type { EmailJob } from '../../src/contracts/generated.ts';
import { type DelayTier, topics } from '../../src/contracts/topic.ts';
import { readEnvelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { isEmailType } from '../../src/domain/job.ts';
import { nextTier, TIER_MS } from '../../src/domain/ladder.ts';
import type { Millis } from '../../src/domain/time.ts';
import { deadLetter } from '../../src/runtime/encode.ts';
import type { StoredRecord, Task } from '../../src/runtime/ports.ts';
import { emit, type Output, Raw } from '../../src/runtime/processor.ts';

export const NAME = 'delay';
export const VERSION = '1';

/**
 * When a record of a tier has waited long enough: after the tier's time, or at its own `notBefore` where that comes sooner.
 * What waits for one slow site is written in the order of its slots, so it leaves exactly at them; where records of
 * several sites alternate, one waits behind another for no longer than its tier, which is within its tolerance.
 */
export function dueAt(tier: DelayTier, record: StoredRecord): Millis {
  const { notBefore } = readEnvelope(record.headers, record.at);
  const tierOver = record.at + TIER_MS[tier];
  return notBefore === null ? tierOver : Math.min(tierOver, Math.max(record.at, notBefore));
}

/** Where a record goes whose tier is over. */
export interface Released {
  readonly output: Output;
  readonly decision: 'due' | 'descended' | 'dead-lettered';
}

/** Down the ladder while there is still long to wait, else back to the router. The bytes are not looked at. */
export function release(task: Task, record: StoredRecord, now: Millis): Released {
  const envelope = readEnvelope(record.headers, record.at);
  const { type } = envelope;
  if (record.value === null || !isEmailType(type)) {
    const [reason, detail] = record.value === null ? ['null-value', null] : ['bad-envelope', `type "${type}"`];
    const why = { stage: NAME, reason, detail, processor: NAME, version: VERSION, at: now } as const;
    return { output: deadLetter(task, record, why), decision: 'dead-lettered' };
  }
  const tier = nextTier((envelope.notBefore ?? 0) - now, envelope.toleranceMs);
  const key = record.key === null ? null : record.key.toString('utf8');
  const output = emit<EmailJob>(tier === null ? topics.due(type) : topics.delay(tier), key, new Raw(record.value), {
    headers: writeEnvelope(envelope),
  });
  return { output, decision: tier === null ? 'due' : 'descended' };
}

import type { Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import type { RecipientNames } from '../../src/domain/recipient-names.ts';
import { keptSignal } from '../../src/domain/results.ts';
import { EVERY_TENANT, recipientSubject, tenantRecipientSubject } from '../../src/domain/suppression.ts';
import type { ListedSuppression } from '../../src/domain/suppression-list.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { type HttpReply, problemReply, reply } from '../../src/http/route.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock, LogRecord } from '../../src/runtime/ports.ts';
import type { Appender } from './intake.ts';

/** The table of suppressions, as it can be looked through. */
export interface SuppressionRows {
  get(subject: string): Suppression | undefined;
  page(
    prefix: string,
    after: string | null,
    limit: number,
  ): readonly { readonly key: string; readonly row: Suppression }[];
}

export interface SuppressionParts {
  readonly rows: SuppressionRows;
  /** What stands for recipients in subjects. */
  readonly names: RecipientNames;
  /** False where recipients were hashed by a key that this process lacks: it would not find them. */
  readonly namesKnown: () => boolean;
  readonly appender: Appender;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Of an imported file. */
  readonly importBytesMax: number;
}

type Change = 'suppression_added' | 'suppression_removed';

const UNAVAILABLE_RETRY_MS = 2 * SECOND_MS;

/** Whose list a key works on: that of its tenant; null: with a key for it, that of the whole installation. */
export const listOf = ({ scopes, tenant }: Caller): string | null => (scopes.has('suppressions:all') ? null : tenant);

const subjectFor = (caller: Caller, name: string): string => {
  const tenant = listOf(caller);
  return tenant === null ? recipientSubject(name) : tenantRecipientSubject(tenant, name);
};

/** Of descriptions. */
export const LISTS =
  'Works on the list of the key’s tenant; with the scope `suppressions:all`, on the list of the whole installation.';

/** The log did not take it in time. */
export const unavailable = (more: object = {}): HttpReply =>
  problemReply('unavailable', { ...more }, { retryAfterMs: UNAVAILABLE_RETRY_MS });

/** What is said of one address. */
export interface Entry extends Partial<Pick<ListedSuppression, 'until' | 'tenant' | 'type'>> {
  readonly address: string;
  readonly reason: string | null;
}

/** One signal in the log from which suppressions are folded. */
export const change = (parts: SuppressionParts, caller: Caller, kind: Change, entry: Entry): LogRecord =>
  recordOf(parts, caller, kind, entry, subjectFor(caller, parts.names.nameOf(entry.address)));

/** What lifts a suppression: a signal, and one more for whatever row the address has under another of its names. */
export function removal(parts: SuppressionParts, caller: Caller, entry: Entry): readonly LogRecord[] {
  const [subject, ...others] = parts.names.namesOf(entry.address).map((name) => subjectFor(caller, name));
  const subjects = [subject as string, ...others.filter((other) => parts.rows.get(other) !== undefined)];
  return subjects.map((one) => recordOf(parts, caller, 'suppression_removed', entry, one));
}

function recordOf(parts: SuppressionParts, caller: Caller, kind: Change, entry: Entry, subject: string): LogRecord {
  const facts = {
    eventId: `api:${parts.newId()}`,
    subject,
    kind,
    at: parts.clock.now(),
    tenant: listOf(caller) ?? entry.tenant ?? EVERY_TENANT,
    type: entry.type ?? 'unknown',
    who: caller.keyId,
    why: entry.reason,
    until: entry.until ?? null,
  } as const;
  const value = keptSignal(facts, parts.names);
  return { topic: topics.reputation.name, key: subject, value: parts.codec.encode(topics.reputation, value) };
}

/** 202 once every in-sync replica has them. */
export async function append(
  { appender }: SuppressionParts,
  records: readonly LogRecord[],
  addresses: number,
): Promise<HttpReply> {
  try {
    await appender.append(records);
    return reply(202, { recorded: addresses });
  } catch {
    return unavailable();
  }
}

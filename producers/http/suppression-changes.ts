import type { Suppression } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { signal } from '../../src/domain/results.ts';
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

const subjectFor = (caller: Caller, folded: string): string => {
  const tenant = listOf(caller);
  return tenant === null ? recipientSubject(folded) : tenantRecipientSubject(tenant, folded);
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
export function change(parts: SuppressionParts, caller: Caller, kind: Change, entry: Entry): LogRecord {
  const subject = subjectFor(caller, entry.address);
  const value = signal({
    eventId: `api:${parts.newId()}`,
    subject,
    kind,
    at: parts.clock.now(),
    tenant: listOf(caller) ?? entry.tenant ?? EVERY_TENANT,
    type: entry.type ?? 'unknown',
    who: caller.keyId,
    why: entry.reason,
    until: entry.until ?? null,
  });
  return { topic: topics.reputation.name, key: subject, value: parts.codec.encode(topics.reputation, value) };
}

/** 202 once every in-sync replica has them. */
export async function append({ appender }: SuppressionParts, records: readonly LogRecord[]): Promise<HttpReply> {
  try {
    await appender.append(records);
    return reply(202, { recorded: records.length });
  } catch {
    return unavailable();
  }
}

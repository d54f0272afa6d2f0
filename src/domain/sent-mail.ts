import type { DeliveryResult, NameValue } from '../contracts/generated.ts';
import { foldAddress, parseMailbox } from './address.ts';
import { isEmailType } from './job.ts';
import type { EmailType } from './policy.ts';
import type { Millis } from './time.ts';
import { isDigested } from './verp.ts';

/** A mail of ours that has gone out, or may have: what a report is bound to. */
export interface SentMail {
  readonly tenant: string;
  readonly jobId: string;
  readonly type: EmailType;
  /** As the job has it. */
  readonly recipient: string;
  readonly campaign: string | null;
  readonly tags: readonly string[];
  readonly metadata: readonly NameValue[];
  /** Null: not told. */
  readonly source: string | null;
  /** Without angle brackets; null: not told. */
  readonly messageId: string | null;
  /** When a server took it. */
  readonly at: Millis;
  /** What its return path carries where that has no room for its names, in hexadecimal digits. */
  readonly digest: string | null;
}

/**
 * The mail that a result tells of; null where it tells of none that can have arrived. `digest` hashes tenant and job as the
 * return path does.
 */
export function sentMailOf(result: DeliveryResult, digest: (tenant: string, jobId: string) => string): SentMail | null {
  const { tenant, jobId, type, kind, ending, uncertain } = result;
  const mayHaveArrived = (kind === 'ending' && (ending === 'sent' || ending === 'unknown')) || uncertain;
  if (!mayHaveArrived || kind === 'annotation' || !isEmailType(type)) return null;
  return {
    tenant,
    jobId,
    type,
    recipient: result.recipient,
    campaign: result.campaign,
    tags: result.tags,
    metadata: result.metadata,
    source: result.source,
    messageId: result.messageId?.replace(/^<|>$/g, '') ?? null,
    at: result.at,
    digest: isDigested(tenant, jobId) ? digest(tenant, jobId) : null,
  };
}

/** What is known of a mail after another result of it: what an earlier one said and this one does not is kept. */
export const mergedMail = (before: SentMail | null, mail: SentMail): SentMail => ({
  ...mail,
  source: mail.source ?? before?.source ?? null,
  messageId: mail.messageId ?? before?.messageId ?? null,
});

/** An address as suppressions know it; null where it is none. */
export function foldedAddress(address: string): string | null {
  const parsed = parseMailbox(address);
  return parsed.ok ? foldAddress(parsed.value) : null;
}

/** Domain that a mail was sent for: that of its Message-ID. Null where that is not known. */
export const senderDomainOf = ({ messageId }: SentMail): string | null => {
  const domain = messageId?.slice(messageId.lastIndexOf('@') + 1) ?? '';
  return domain === '' ? null : domain.toLowerCase();
};

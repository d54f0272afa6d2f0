import type { Millis } from '../../time.ts';
import type { UnsubscribeLink, Unwanted } from '../../unsubscribe.ts';
import { readAddress } from '../addresses.ts';
import { canonical, readDiagnostic } from '../codes.ts';
import { type FeedbackKind, type ReportedMail, type ReportedRecipient, recipientOf } from '../report.ts';

/** One event of a provider: about one recipient, and about one mail. */
export interface WebhookEvent {
  readonly recipient: ReportedRecipient;
  readonly mail: ReportedMail;
  /** What the provider calls the event: told again, it has the same one. '' where it has no name. */
  readonly id: string;
  /** When it happened; null where that is not told. */
  readonly at: Millis | null;
  /** What an unsubscribe link of ours says; absent for what strangers tell. */
  readonly link?: UnsubscribeLink & { readonly unwanted: Unwanted };
}

/** What a provider says about a refusal. */
export interface ProviderWords {
  /** Three digits. */
  readonly code?: string;
  readonly status?: string;
  /** The reply of the refusing server. */
  readonly reply?: string;
  /** The provider's own name for it, such as `ses permanent/noemail`: judged where the reply says nothing. */
  readonly label?: string;
}

export function eventOf(
  kind: FeedbackKind,
  address: string,
  words: ProviderWords = {},
  mail: Partial<ReportedMail> = {},
  told: Partial<Pick<WebhookEvent, 'id' | 'at'>> = {},
): WebhookEvent {
  const said = readDiagnostic(words.reply ?? '');
  const code = /^[245]\d\d$/.test(words.code ?? '') ? Number(words.code) : said.smtpCode;
  const enhancedCode = canonical(words.status ?? '') ?? said.enhancedCode;
  const recipient = recipientOf(kind, readAddress(address), {
    smtpCode: code,
    enhancedCode: isMoreGeneral(enhancedCode, said.enhancedCode) ? said.enhancedCode : enhancedCode,
    text: said.text,
    contexts: words.label ? [`provider: ${words.label}`] : [],
    label: words.label ?? null,
  });
  const { returnPath, messageId, feedbackId } = mail;
  return {
    recipient,
    mail: {
      returnPath: readAddress(returnPath ?? ''),
      messageId: trimmed(messageId),
      feedbackId: feedbackId || null,
    },
    id: told.id ?? '',
    at: told.at ?? null,
  };
}

const isMoreGeneral = (code: string | null, than: string | null): boolean =>
  code !== null && than !== null && /^[245]\.0\.0$/.test(code) && code !== than;

const trimmed = (id: string | null | undefined): string | null => id?.replace(/^<|>$/g, '') || null;

/** A point in time as providers write it: seconds since the epoch, or text (RFC 3339). Null for anything else. */
export function timeOf(written: string): Millis | null {
  const seconds = /^\d{9,11}(?:\.\d{1,9})?$/.test(written);
  const at = seconds ? Number(written) * 1_000 : Date.parse(written.slice(0, 40));
  return Number.isFinite(at) && at >= 0 ? Math.round(at) : null;
}

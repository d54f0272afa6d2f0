import { readAddress } from '../addresses.ts';
import { canonical, readDiagnostic } from '../codes.ts';
import { type FeedbackKind, type ReportedMail, type ReportedRecipient, recipientOf } from '../report.ts';

/** One event of a provider: about one recipient, and about one mail. */
export interface WebhookEvent {
  readonly recipient: ReportedRecipient;
  readonly mail: ReportedMail;
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
  return { recipient, mail: { messageId: trimmed(mail.messageId), feedbackId: mail.feedbackId ?? null } };
}

const isMoreGeneral = (code: string | null, than: string | null): boolean =>
  code !== null && than !== null && /^[245]\.0\.0$/.test(code) && code !== than;

const trimmed = (id: string | null | undefined): string | null => id?.replace(/^<|>$/g, '') || null;

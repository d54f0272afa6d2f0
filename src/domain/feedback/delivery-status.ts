import { readAddress, readTypedAddress } from './addresses.ts';
import { canonical, enhancedIn, type FoundReply, readDiagnostic } from './codes.ts';
import { headerOf, headersOf, type MailHeader, readFieldBlocks } from './mail.ts';
import { type FeedbackKind, RECIPIENTS_MAX, type ReportedRecipient, recipientOf } from './report.ts';

/** Fields that only the block of a recipient has. */
const OF_RECIPIENT = ['final-recipient', 'original-recipient', 'action', 'diagnostic-code', 'x-actual-recipient'];

const isOfRecipient = (fields: readonly MailHeader[]): boolean =>
  fields.some(({ name }) => OF_RECIPIENT.includes(name));

/** RFC 3464 section 2.3.3, and what servers that do not keep to it write. */
function kindOfAction(action: string, status: string | null): FeedbackKind | null {
  const word = /[a-z]+/i.exec(action)?.[0]?.toLowerCase() ?? '';
  if (/^(?:delivered|relayed|expanded|deliverable|success)/.test(word)) return 'delivered';
  if (word.startsWith('delay')) return 'delay';
  if (/^(?:failed|failure|fail|failes|bounced?|undeliver|reject|expired|permanent)/.test(word)) return 'bounce';
  if (status === null) return null;
  return status.startsWith('2') ? 'delivered' : status.startsWith('4') ? 'delay' : 'bounce';
}

/** x.5.x is about the conversation, and what servers give that have nothing better. */
const isGeneral = (code: string): boolean => /^[245]\.(?:\d+\.0|5\.\d+)$/.test(code);

/** How much a code tells: `5.1.1` more than `5.1.0`, and that more than `5.0.0`. */
const precisionOf = (code: string | null): number =>
  code === null ? 0 : /^[245]\.0\.0$/.test(code) ? 1 : isGeneral(code) ? 2 : 3;

/**
 * The code to judge by: that of the report, unless the refusing server's own says more, or says that it is final where the
 * report does not.
 */
function bestCode(status: string | null, reply: FoundReply | null): string | null {
  const said = reply?.enhancedCode ?? null;
  if (status === null) return said;
  if (said === null || said.startsWith('2')) return status;
  if (precisionOf(said) > precisionOf(status)) return said;
  return status.startsWith('4') && said.startsWith('5') && precisionOf(said) === precisionOf(status) ? said : status;
}

/** The reply that tells most: a report may hold that of each server it was tried at. */
function bestReply(diagnostics: readonly string[]): FoundReply | null {
  const replies = diagnostics.filter((text) => text.trim() !== '').map(readDiagnostic);
  const weight = ({ smtpCode, enhancedCode, text }: FoundReply): number =>
    precisionOf(enhancedCode) * 4 + (smtpCode === null ? 0 : 2) + (text === '' ? 0 : 1);
  return replies.reduce<FoundReply | null>(
    (best, reply) => (best === null || weight(reply) > weight(best) ? reply : best),
    null,
  );
}

/**
 * The recipient as we wrote it: the original one where the report has it, because the final one may be where somebody
 * forwards to. It is null where the report has a mere local name.
 */
function addressIn(fields: readonly MailHeader[]): string | null {
  for (const name of ['original-recipient', 'final-recipient', 'x-actual-recipient', 'x-original-rcpt-to']) {
    const found = headerOf(fields, name);
    const address = found === '' ? null : readTypedAddress(found);
    if (address) return address;
  }
  return readAddress(headerOf(fields, 'x-display-name')) ?? null;
}

function recipientIn(fields: readonly MailHeader[]): ReportedRecipient | null {
  const written = headerOf(fields, 'status');
  const status = canonical(written) ?? enhancedIn(written);
  const kind = kindOfAction(headerOf(fields, 'action'), status);
  const diagnostics = [
    ...headersOf(fields, 'diagnostic-code'),
    ...headersOf(fields, 'x-supplementary-info'),
    ...headersOf(fields, 'x-smtp-reply'),
  ];
  // Some write the words of the refusal after the status: `5.1.1 (user unknown)`.
  const remark = written.replace(/^[ \t]*[245](?:\.\d{1,3}){0,2}[ \t]*/, '').replace(/^\(|\)$/g, '');
  const reply = bestReply(diagnostics.length > 0 ? diagnostics : [remark]);
  const address = addressIn(fields);
  if (kind === null && reply === null && address === null) return null;
  const found = kind ?? (reply?.smtpCode !== null && (reply?.smtpCode ?? 0) < 300 ? 'delivered' : 'bounce');
  return recipientOf(found, address, {
    smtpCode: reply?.smtpCode ?? null,
    enhancedCode: bestCode(status, reply),
    text: reply?.text ?? '',
    contexts: diagnostics.length > 0 ? [remark] : [],
  });
}

/** Reads the recipients of a delivery status (RFC 3464); none where the text is no such thing. */
export function readDeliveryStatus(text: string): ReportedRecipient[] {
  const found: ReportedRecipient[] = [];
  for (const fields of joined(readFieldBlocks(text, RECIPIENTS_MAX * 4))) {
    if (!isOfRecipient(fields)) continue;
    const recipient = recipientIn(fields);
    if (recipient) found.push(recipient);
    if (found.length >= RECIPIENTS_MAX) break;
  }
  return found;
}

/** Some servers put empty lines into the block of a recipient: what has no recipient of its own belongs to the one before. */
function joined(blocks: readonly MailHeader[][]): MailHeader[][] {
  const whole: MailHeader[][] = [];
  for (const block of blocks) {
    const last = whole.at(-1);
    const names = new Set(block.map(({ name }) => name));
    const isPiece = isOfRecipient(block) && !names.has('final-recipient') && !names.has('original-recipient');
    const fits = last !== undefined && isPiece && !last.some(({ name }) => name === 'action' || name === 'status');
    if (fits) last.push(...block);
    else whole.push(...split(block));
  }
  return whole;
}

/** Others leave the empty line between two recipients out. */
function split(block: readonly MailHeader[]): MailHeader[][] {
  const pieces: MailHeader[][] = [];
  for (const field of block) {
    const last = pieces.at(-1);
    const begins = field.name === 'final-recipient' || field.name === 'original-recipient';
    const isNew = begins && last?.some(({ name }) => name === field.name);
    if (last === undefined || isNew) pieces.push([field]);
    else last.push(field);
  }
  return pieces;
}

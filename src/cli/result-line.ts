import type { DeliveryResult } from '../contracts/generated.ts';
import { visible } from './visible.ts';

const WIDTHS = { outcome: 14, type: 13, job: 36, recipient: 30 };

/** What happened, in one word, and which attempt it was. */
function outcomeOf({ kind, ending, annotation, attempt }: DeliveryResult): string {
  if (kind === 'ending') return ending ?? 'unknown';
  if (kind === 'annotation') return annotation ?? 'unknown';
  return kind === 'attempt' ? `attempt ${attempt}` : 'unknown';
}

/** Why and how: where it was tried, what the server said, what we say ourselves. */
function detailOf(result: DeliveryResult): string {
  const { site, source, smtpCode, enhancedCode, reply, class: found, reason, uncertain } = result;
  const parts = [
    site === null ? null : `${site}${source === null ? '' : ` via ${source}`}`,
    smtpCode === null ? null : [smtpCode, enhancedCode, reply].filter((part) => part !== null).join(' '),
    found === null ? null : `[${found}]`,
    reason,
    uncertain ? 'a copy may have gone out before' : null,
  ];
  return parts.filter((part) => part !== null).join('; ');
}

/** A result as one line of a table, for people. */
export function resultLine(result: DeliveryResult): string {
  const columns = [
    new Date(result.at).toISOString(),
    outcomeOf(result).padEnd(WIDTHS.outcome),
    result.type.padEnd(WIDTHS.type),
    result.jobId.padEnd(WIDTHS.job),
    result.recipient.padEnd(WIDTHS.recipient),
    detailOf(result),
  ];
  return visible(columns.join('  ')).trimEnd();
}

/** A result as one line of JSON, for programs. JSON escapes control characters below a space only; a terminal obeys others. */
export const resultJson = (result: DeliveryResult): string =>
  JSON.stringify(result).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

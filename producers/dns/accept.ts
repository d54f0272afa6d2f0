import type { SenderCheck } from '../../src/contracts/generated.ts';
import { showsKey } from '../../src/domain/dns/check-dkim.ts';
import type { Finding } from '../../src/domain/dns/finding.ts';
import type { Answer } from '../../src/domain/dns/lookup.ts';
import type { Millis } from '../../src/domain/time.ts';

/** Key of the row about the addresses that mail leaves from; no domain is called that. */
export const OUTGOING = 'outgoing';

/** What one check brought to light. */
export interface Checked {
  /** A domain, or `OUTGOING`. */
  readonly subject: string;
  readonly verdict: 'passes' | 'fails' | 'unknown';
  readonly findings: readonly Finding[];
}

/** What the DNS said at the name of a key that operators have made. */
export interface LookedAt {
  readonly selector: string;
  readonly record: string;
  readonly answer: Answer;
}

/** Findings of one subject that are kept. */
const FINDINGS_MAX = 100;

/**
 * The row about a subject after a check. Silence takes nothing back: neither a verdict, nor that a key was shown. `checked`
 * is null where only keys were looked at.
 */
export function rowAfter(
  before: SenderCheck | undefined,
  checked: Checked | null,
  looked: readonly LookedAt[],
  subject: string,
  now: Millis,
): SenderCheck {
  const isOpen = checked?.verdict === 'unknown';
  const findings = checked?.findings
    .slice(0, FINDINGS_MAX)
    .map(({ code, severity, about, what }) => ({ code, severity, about, what }));
  return {
    subject,
    verdict: checked === null || isOpen ? (before?.verdict ?? 'unknown') : checked.verdict,
    since: checked === null ? (before?.since ?? null) : isOpen ? (before?.since ?? now) : null,
    findings: findings ?? before?.findings ?? [],
    keys: looked.flatMap((key) => {
      const known = before?.keys.find(({ selector, record }) => selector === key.selector && record === key.record);
      const shows = showsKey(key.answer, key.record) ?? known !== undefined;
      return shows ? [{ selector: key.selector, record: key.record, since: known?.since ?? now }] : [];
    }),
    at: now,
  };
}

/** What is worth a line in the log: a verdict that has changed, or findings of other names. Null: nothing is. */
export function news(before: SenderCheck | undefined, after: SenderCheck): Readonly<Record<string, unknown>> | null {
  const codesOf = (row: SenderCheck | undefined) => [...new Set((row?.findings ?? []).map(({ code }) => code))].sort();
  const codes = codesOf(after);
  if (before?.verdict === after.verdict && codesOf(before).join() === codes.join()) return null;
  return {
    subject: after.subject,
    verdict: after.verdict,
    before: before?.verdict ?? 'unknown',
    findings: codes.join(', ') || 'none',
  };
}

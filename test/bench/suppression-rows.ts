import { foldSuppression } from '../../processors/reputation/step.ts';
import type { Evidence, Suppression } from '../../src/contracts/generated.ts';
import { signal } from '../../src/domain/results.ts';
import { emptySuppression, recipientSubject } from '../../src/domain/suppression.ts';

const DOMAINS = ['gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'inbox.example', 'mail.shop.example'];

/** A number that looks like chance, and is the same for the same row: addresses come in no order. */
const scattered = (n: number): string => ((n * 2_654_435_761) % 4_294_967_296).toString(36);

export const addressOfRow = (n: number): string => `${scattered(n)}.${n.toString(36)}@${DOMAINS[n % DOMAINS.length]}`;

export const subjectOfRow = (n: number): string => recipientSubject(addressOfRow(n));

const eventOfRow = (n: number): string => `bounced:hard:default/${scattered(n)}-${scattered(n + 7)}`;
const timeOfRow = (n: number, now: number): number => now - (n % 31_536_000) * 1_000;

/** The row of an address that bounced, by the fold of production. */
export function foldedRow(n: number, now: number): Suppression {
  const subject = subjectOfRow(n);
  const told = signal({
    eventId: eventOfRow(n),
    subject,
    kind: 'bounced',
    at: timeOfRow(n, now),
    tenant: 'default',
    type: 'marketing',
    smtpCode: 550,
    enhancedCode: '5.1.1',
    reply: 'no such mailbox',
  });
  return foldSuppression(emptySuppression(subject), told, now);
}

/** Rows as `foldedRow` makes them, of which only one is folded: millions are written before anything is measured. */
export function rowsLike(now: number): (n: number) => Suppression {
  const row = foldedRow(0, now);
  const evidence = row.evidence[0] as Evidence;
  return (n) => {
    const at = timeOfRow(n, now);
    return { ...row, subject: subjectOfRow(n), since: at, evidence: [{ ...evidence, eventId: eventOfRow(n), at }] };
  };
}

import type { Evidence, Suppression } from '../contracts/generated.ts';
import type { Millis } from '../domain/time.ts';
import { visible } from './visible.ts';

const timeOf = (at: Millis): string => new Date(at).toISOString();

/** A row for people: the verdict, its bounds, and the evidence, strongest first. */
export function suppressionText(address: string, row: Suppression | null, now: Millis): string {
  if (row === null) return `${address}: not suppressed; nothing is known about it\n`;
  const isOver = row.until !== null && row.until <= now;
  const lines = [`${address}: ${row.active && !isOver ? `suppressed (${row.severity})` : 'not suppressed'}`];
  if (row.active) lines.push(`  since     ${timeOf(row.since)}`);
  if (row.until !== null) lines.push(`  until     ${timeOf(row.until)}`);
  if (row.tenant !== null) lines.push(`  tenant    ${row.tenant}`);
  if (row.type !== null) lines.push(`  type      ${row.type}`);
  for (const evidence of row.evidence) lines.push(`  evidence  ${evidenceText(evidence)}`);
  return `${lines.map(visible).join('\n')}\n`;
}

function evidenceText({ kind, at, class: found, ruleVersion, who, why, eventId }: Evidence): string {
  const facts = [
    found === null ? null : `class ${found}`,
    ruleVersion === null ? null : `rules ${ruleVersion}`,
    who === null ? null : `by ${who}`,
    why === null ? null : `because ${why}`,
    `event ${eventId}`,
  ];
  return `${timeOf(at)} ${kind}: ${facts.filter((fact) => fact !== null).join(', ')}`;
}

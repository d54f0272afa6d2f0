import { type DmarcRecord, isDmarc, parseDmarc } from './dmarc-record.ts';
import { type Asking, valuesOf } from './lookup.ts';

/** RFC 9989 section 4.10: a walk makes at most eight look-ups, whatever the number of labels. */
const WALK_LABELS_MAX = 8;

interface Step {
  readonly domain: string;
  readonly record: DmarcRecord;
}

/** What a tree walk found, from the domain itself upwards. */
export interface DmarcWalk {
  readonly steps: readonly Step[];
  readonly organizational: string;
  /** A look-up failed: nothing can be concluded. */
  readonly failed: boolean;
}

/** The names at which a walk looks for a record, in its order. */
export function walkNames(domain: string): readonly string[] {
  const labels = domain.split('.');
  const names = [domain];
  let left = labels.length < WALK_LABELS_MAX ? labels.length - 1 : WALK_LABELS_MAX - 1;
  for (; left > 0; left--) names.push(labels.slice(-left).join('.'));
  return names;
}

/** The DNS tree walk of RFC 9989 section 4.10, and the organizational domain that it leads to. */
export function* walkDmarc(domain: string): Asking<DmarcWalk> {
  const steps: Step[] = [];
  for (const name of walkNames(domain)) {
    const answer = yield { type: 'TXT', name: `_dmarc.${name}` };
    if (answer.kind === 'failed') return { steps, organizational: domain, failed: true };
    const records = valuesOf(answer).filter(isDmarc);
    if (records.length !== 1) continue; // several are discarded, as if there were none
    const record = parseDmarc(records[0] as string);
    if (typeof record === 'string') continue;
    steps.push({ domain: name, record });
    if (record.publicSuffix !== 'u') break;
  }
  return { steps, organizational: organizationalOf(domain, steps), failed: false };
}

function organizationalOf(domain: string, steps: readonly Step[]): string {
  const last = steps.at(-1);
  if (last === undefined) return domain;
  // The suffix itself belongs to nobody: the domain one label below it does.
  if (last.record.publicSuffix !== 'y' || last.domain === domain) return last.domain;
  return domain
    .split('.')
    .slice(-(last.domain.split('.').length + 1))
    .join('.');
}

/** The record that rules mail from the domain: its own, else the organizational domain's (RFC 9989 section 4.8). */
export function rulingOf(domain: string, { steps, organizational }: DmarcWalk): Step | null {
  const at = (name: string) => steps.find((step) => step.domain === name);
  return at(domain) ?? at(organizational) ?? steps.at(-1) ?? null;
}

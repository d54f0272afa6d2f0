import { randomBytes } from 'node:crypto';
import { type Finding, finding } from '../domain/dns/finding.ts';
import type { Answer, Asking, Lookup, LookupFault } from '../domain/dns/lookup.ts';
import type { Clock } from '../runtime/ports.ts';
import { answer } from './answer.ts';
import type { LookUps } from './look-ups.ts';

export interface CheckBounds {
  /** All checks together, in milliseconds. */
  readonly deadlineMs: number;
  readonly lookupsMax: number;
}

/** Of one domain: several times what a valid set of records can need. */
export const LOOKUPS_MAX = 1_000;

/**
 * One run of checks over one resolver. What was asked once is not asked again. Look-ups without an answer make a finding
 * of their own, so that no check mistakes silence for absence.
 */
export class CheckRun implements LookUps {
  private readonly lookUps: LookUps;
  private readonly bounds: CheckBounds;
  private readonly clock: Pick<Clock, 'now'>;
  private readonly endsAt: number;
  private readonly asked = new Map<string, Promise<Answer>>();
  private readonly faults = new Map<string, LookupFault>();
  private answered = 0;

  constructor(lookUps: LookUps, clock: Pick<Clock, 'now'>, bounds: CheckBounds) {
    this.lookUps = lookUps;
    this.clock = clock;
    this.bounds = bounds;
    this.endsAt = clock.now() + bounds.deadlineMs;
  }

  /** Whether the resolver can be believed at all; null: it can. */
  async probe(): Promise<Finding | null> {
    const name = `${randomBytes(8).toString('hex')}.invalid`;
    const found = await this.lookUps.lookUp({ type: 'A', name });
    if (found.kind === 'records') {
      const what = `the resolver says ${found.values.join(', ')} of ${name}, which cannot exist (RFC 6761): what it says proves nothing`;
      return finding('resolver-lies', 'resolver', what);
    }
    if (found.kind === 'failed' && (found.fault === 'timeout' || found.fault === 'unreachable')) {
      return silence(found.fault);
    }
    return null;
  }

  /** Runs the checks side by side. */
  async findings(checks: readonly Asking<readonly Finding[]>[]): Promise<readonly Finding[]> {
    this.faults.clear();
    this.answered = 0;
    const found = (await Promise.all(checks.map((check) => answer(this, check)))).flat();
    if (this.faults.size === 0) return found;
    const [[first, fault] = ['', 'timeout' as LookupFault]] = this.faults;
    if (this.answered === 0) return [...found, fault === 'refused' ? refusal(first) : silence(fault)];
    const failures = [...this.faults].map(([name, why]) =>
      finding('lookup-failed', name, `there was no answer (${FAULTS[why]}), so what hangs on it was not checked`),
    );
    return [...found, ...failures];
  }

  lookUp(lookup: Lookup): Promise<Answer> {
    const key = `${lookup.type} ${lookup.name}${lookup.blocklist ? ' blocklist' : ''}`;
    let asking = this.asked.get(key);
    if (asking === undefined) {
      asking = this.ask(lookup, this.asked.size >= this.bounds.lookupsMax);
      if (this.asked.size < this.bounds.lookupsMax) this.asked.set(key, asking);
    }
    return asking.then((found) => {
      if (found.kind === 'failed') this.faults.set(`${lookup.type} ${lookup.name}`, found.fault);
      else this.answered += 1;
      return found;
    });
  }

  private async ask(lookup: Lookup, isTooMuch: boolean): Promise<Answer> {
    if (isTooMuch || this.clock.now() >= this.endsAt) return { kind: 'failed', fault: 'deadline' };
    return this.lookUps.lookUp(lookup);
  }
}

const FAULTS: Readonly<Record<LookupFault, string>> = {
  timeout: 'nothing came in time',
  unreachable: 'the resolver cannot be reached',
  refused: 'the resolver refuses',
  'server-failure': 'the resolver could not find out',
  malformed: 'what came is no answer',
  deadline: 'the time for the whole check is used up',
};

const silence = (fault: LookupFault): Finding =>
  finding(
    'resolver-silent',
    'resolver',
    `there is no answer from the resolver (${FAULTS[fault]}): nothing was checked`,
  );
const refusal = (name: string): Finding =>
  finding(
    'resolver-refuses',
    'resolver',
    `the resolver refuses to answer (${name}): nothing was checked; set dns.resolver`,
  );

import { foldIdentity, type ReputationRules } from '../../../processors/reputation/step.ts';
import type { ReputationSignal, ReputationState } from '../../contracts/generated.ts';
import { identitySubject } from '../../domain/identity.ts';
import { dueAt, emptyState } from '../../domain/identity-state.ts';
import type { Provider } from '../../domain/policy.ts';
import { signal } from '../../domain/results.ts';
import { admit, paceOf } from '../../domain/slots.ts';
import { DAY_MS, HOUR_MS, type Millis } from '../../domain/time.ts';
import { paceOfDay } from '../../domain/warm-up.ts';

/** What is simulated. Days count from 1. */
export interface WarmUpPlan {
  readonly days: number;
  /** Mails that are to be sent a day, over all providers. */
  readonly volume: number;
  /** Parts of them per provider; they add up to 1. */
  readonly mix: ReadonlyMap<Provider, number>;
  readonly bounceRatio: number;
  readonly complaintRatio: number;
  /** Days on which the bounce ratio is another one. */
  readonly breaches: ReadonlyMap<number, number>;
  /** Days on which nothing is to be sent. */
  readonly idle: (day: number) => boolean;
  readonly overflow: 'warm' | 'hold';
  /** Name of the source that is new; the rules must say so too. */
  readonly source: string;
}

/** One day at one provider. */
export interface SimulatedDay {
  readonly day: number;
  readonly provider: Provider;
  readonly wanted: number;
  /** What the new source may send. */
  readonly allowed: number;
  readonly sent: number;
  /** What went over a warm source. */
  readonly overflowed: number;
  /** What waits at the end of the day. */
  readonly held: number;
  readonly bounced: number;
  readonly complained: number;
  /** What followed for the next day. */
  readonly verdict: string;
}

/** A midnight, UTC; which one does not matter. */
const START: Millis = 20_000 * DAY_MS;

/**
 * The production fold and pacing on a virtual clock: what would be sent day by day, and what would wait. `listen`
 * is told every signal that is folded.
 */
export function simulateWarmUp(
  plan: WarmUpPlan,
  rules: ReputationRules,
  listen: (signal: ReputationSignal) => void = () => undefined,
): readonly SimulatedDay[] {
  return [...plan.mix].flatMap(([provider, part]) => {
    const site = new Site(provider, part, plan, rules, listen);
    return Array.from({ length: plan.days }, (_, n) => site.live(n + 1));
  });
}

/** What one provider sees of the new source. */
class Site {
  private state: ReputationState;
  private backlog = 0;
  private due: Millis = 0;
  private events = 0;
  /** Fractions of a bounce and of a complaint that are carried on: rates hold in the long run, without chance. */
  private readonly carried = { bounced: 0, complained: 0 };
  private readonly subject: string;
  private readonly provider: Provider;
  private readonly part: number;
  private readonly plan: WarmUpPlan;
  private readonly rules: ReputationRules;
  private readonly listen: (signal: ReputationSignal) => void;

  constructor(
    provider: Provider,
    part: number,
    plan: WarmUpPlan,
    rules: ReputationRules,
    listen: (signal: ReputationSignal) => void,
  ) {
    this.listen = listen;
    this.subject = identitySubject('source', plan.source, provider);
    this.state = emptyState(this.subject);
    this.provider = provider;
    this.part = part;
    this.plan = plan;
    this.rules = rules;
  }

  live(day: number): SimulatedDay {
    const { plan, rules } = this;
    const begin = START + (day - 1) * DAY_MS;
    // Yesterday is judged once its last minute is closed; what was allowed yesterday holds until then.
    this.tickUntil(begin + rules.identity.score.latenessMs);
    const allowed = this.state.warmUp?.volume ?? rules.identity.warmUp.initialVolume;
    const wanted = plan.idle(day) ? 0 : Math.round(plan.volume * this.part);
    let left = wanted + this.backlog;
    const counts = { sent: 0, bounced: 0, complained: 0 };
    for (let hour = 0; hour < 24; hour++) {
      const from = begin + hour * HOUR_MS;
      const sent = this.sendUntil(from, from + HOUR_MS, allowed, left);
      left -= sent;
      const bounced = this.share('bounced', sent * (plan.breaches.get(day) ?? plan.bounceRatio));
      const complained = this.share('complained', sent * plan.complaintRatio);
      this.tell(from + HOUR_MS / 2, { sent: sent - bounced, bounced, complained });
      counts.sent += sent;
      counts.bounced += bounced;
      counts.complained += complained;
    }
    const isHeld = plan.overflow === 'hold';
    this.backlog = isHeld ? left : 0;
    this.tickUntil(begin + DAY_MS + rules.identity.score.latenessMs);
    const verdict = this.state.warmUp?.days[0]?.verdict ?? '';
    const { provider } = this;
    return { day, provider, wanted, allowed, ...counts, overflowed: isHeld ? 0 : left, held: this.backlog, verdict };
  }

  /** As many mails as the pace lets through, one by one, as a worker asks for them. */
  private sendUntil(from: Millis, until: Millis, allowed: number, wanted: number): number {
    const pace = paceOf(paceOfDay(allowed), 1);
    let sent = 0;
    for (let now = from; now < until && sent < wanted; ) {
      const { granted, due, retryAfterMs } = admit(this.due, pace, now);
      this.due = due;
      if (granted) sent++;
      else now += retryAfterMs;
    }
    return sent;
  }

  private share(what: 'bounced' | 'complained', exact: number): number {
    const whole = Math.floor(this.carried[what] + exact + 1e-9);
    this.carried[what] += exact - whole;
    return whole;
  }

  private tell(at: Millis, counts: { sent: number; bounced: number; complained: number }): void {
    if (counts.sent > 0) this.fold('sent_counted', at, counts.sent);
    for (let n = 0; n < counts.bounced; n++) this.fold('bounced', at, 1);
    for (let n = 0; n < counts.complained; n++) this.fold('complained', at, 1);
  }

  private fold(
    kind: ReputationSignal['kind'] & ('sent_counted' | 'bounced' | 'complained' | 'ticked'),
    at: Millis,
    count: number,
  ): void {
    const eventId = `simulated:${this.events++}`;
    const facts = { eventId, subject: this.subject, kind, at, tenant: '', type: 'unknown', count } as const;
    const reply = kind === 'bounced' ? { smtpCode: 550, enhancedCode: '5.1.1', reply: 'no such mailbox' } : {};
    const told = signal({ ...facts, ...reply });
    this.listen(told);
    this.state = foldIdentity(this.state, told, at, this.rules).state;
  }

  /** Time passes as the ticker notes it in production. */
  private tickUntil(until: Millis): void {
    const { score } = this.rules.identity;
    for (let due = dueAt(this.state, score); due !== null && due <= until; due = dueAt(this.state, score)) {
      this.fold('ticked', due, 1);
    }
  }
}

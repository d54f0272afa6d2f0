import type { BounceClass } from './classification.ts';
import { lowerBound } from './confidence.ts';
import { DAY_MS, MINUTE_MS } from './time.ts';

/** What happened to the mails of an identity at a provider. */
export interface Counts {
  readonly sent: number;
  readonly delivered: number;
  readonly bounced: number;
  readonly complained: number;
  readonly deferred: number;
}

export const NO_COUNTS: Counts = { sent: 0, delivered: 0, bounced: 0, complained: 0, deferred: 0 };

export const addCounts = (left: Counts, right: Counts): Counts => ({
  sent: left.sent + right.sent,
  delivered: left.delivered + right.delivered,
  bounced: left.bounced + right.bounced,
  complained: left.complained + right.complained,
  deferred: left.deferred + right.deferred,
});

/** What is asked of router and workers while an identity is regarded badly. */
export type ScoreAction = 'throttle' | 'pause' | 'alert';

/** How identities are judged; part of what a replay may change. */
export interface ScoreRules {
  /** The article's thresholds: shares of the mails sent that bounce, and that are complained about. */
  readonly bounceRatioMax: number;
  readonly complaintRatioMax: number;
  readonly action: ScoreAction;
  /** The action begins below this score, which is that of an identity at its threshold. */
  readonly throttleScore: number;
  /** The action ends at this score: well above, so that nothing flutters. */
  readonly recoverScore: number;
  /** Fewer mails in the window than this are not judged: what was decided before holds. */
  readonly volumeMin: number;
  /** Length of the sliding window; up to an hour longer, as old minutes leave it by the hour. */
  readonly windowMs: number;
  /** How late an event may come and still count in its own minute; a minute is closed for good after it. */
  readonly latenessMs: number;
}

export const SCORE_RULES: ScoreRules = {
  bounceRatioMax: 0.02,
  complaintRatioMax: 0.001,
  action: 'throttle',
  throttleScore: 0.7,
  recoverScore: 0.85,
  volumeMin: 100,
  windowMs: DAY_MS,
  latenessMs: MINUTE_MS,
};

/** How far above the limit an identity must come before the action ends. */
const HYSTERESIS = 0.15;

/** The score at which the action ends, for a limit. */
export const recoverScoreOf = (throttleScore: number): number => Math.min(1, throttleScore + HYSTERESIS);

/** Takes as much as half of all attempts deferred: a sign of displeasure, and no fault by itself. */
const DEFERRED_RATIO_MAX = 0.5;
const DEFERRED_WEIGHT = 0.1;
/** Score of an identity exactly at its threshold; what is lost by then. */
const LOSS_AT_THRESHOLD = 0.3;
/** Scores are told to three digits: no more is known, and rows change less often. */
const SCORE_STEPS = 1_000;

/** Mails that say something: that were taken or refused for good. */
export const volumeOf = ({ sent, bounced, complained }: Counts): number => Math.max(sent + bounced, complained);

/** Lower bounds of the shares that bounced and that were complained about. */
export function ratesOf(counts: Counts): { readonly bounced: number; readonly complained: number } {
  const { sent, bounced, complained } = counts;
  return {
    bounced: lowerBound(bounced, sent + bounced),
    complained: lowerBound(complained, Math.max(sent, complained)),
  };
}

/**
 * Score of what was counted, in [0, 1]: 1 without a fault, 0.7 where bounces or complaints are surely at their threshold,
 * 0 where they are three times and a third as many. Deferrals cost a tenth at most. Rates are lower bounds: a few mails
 * prove nothing.
 */
export function scoreOf(counts: Counts, rules: ScoreRules): number {
  const rates = ratesOf(counts);
  const worst = Math.max(
    excess(rates.bounced, rules.bounceRatioMax),
    excess(rates.complained, rules.complaintRatioMax),
  );
  const attempts = counts.sent + counts.bounced + counts.deferred;
  const deferred = Math.min(1, lowerBound(counts.deferred, attempts) / DEFERRED_RATIO_MAX);
  const score = 1 - LOSS_AT_THRESHOLD * worst - DEFERRED_WEIGHT * deferred;
  return Math.round(Math.min(1, Math.max(0, score)) * SCORE_STEPS) / SCORE_STEPS;
}

/** How many times its limit a rate is. A limit of 0 is passed by anything that is surely more than nothing. */
const excess = (rate: number, max: number): number => (rate === 0 ? 0 : max === 0 ? Number.MAX_VALUE : rate / max);

/** What is asked for at a score, where `before` was asked for so far. */
export function actionAt(score: number, before: string, rules: ScoreRules): string {
  if (before === 'none') return score < rules.throttleScore ? rules.action : 'none';
  return score >= rules.recoverScore ? 'none' : rules.action;
}

/** What asks for most first. At `none` the score itself may ask for something; `alert` is for people. */
const STRICTNESS: readonly string[] = ['pause', 'throttle', 'none', 'alert'];
const strictness = (action: string): number => {
  const place = STRICTNESS.indexOf(action);
  return place < 0 ? 0 : STRICTNESS.length - place;
};

/** Of what several say about one identity, what asks for most; of equals the worst score. Undefined: nobody knows it. */
export function strictest<S extends { readonly action: string; readonly score: number }>(
  rows: readonly (S | undefined)[],
): S | undefined {
  return rows
    .filter((row) => row !== undefined)
    .sort((a, b) => strictness(b.action) - strictness(a.action) || a.score - b.score)[0];
}

/** Refusals for good that say something about the sender: its list, its content or its standing. */
const HELD_AGAINST_SENDER: ReadonlySet<BounceClass> = new Set<BounceClass>([
  'invalid-recipient',
  'invalid-domain',
  'inactive',
  'not-accepted-here',
  'policy',
  'spam-content',
  'auth-failure',
  'blocklist',
  'undetermined',
]);

/** Refusals for now that are routine or about the recipient: any other one is a sign of displeasure. */
const ROUTINE: ReadonlySet<BounceClass> = new Set<BounceClass>([
  'greylisted',
  'mailbox-full',
  'unreachable',
  'routing',
]);

export const isHeldAgainstSender = (found: BounceClass): boolean => HELD_AGAINST_SENDER.has(found);
export const isDispleasure = (found: BounceClass): boolean => !ROUTINE.has(found);

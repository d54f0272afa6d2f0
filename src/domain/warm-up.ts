import type { WarmUpDay } from '../contracts/generated.ts';
import { ratesOf } from './score.ts';

/** How new sources are warmed up (the article's `warm_up`); part of what a replay may change. */
export interface WarmUpRules {
  /** Mails to one provider on the first day. */
  readonly initialVolume: number;
  /** 0.2: a fifth more every day. */
  readonly dailyIncreaseRatio: number;
  /** And never more than so many mails more. */
  readonly dailyIncreaseMax: number;
  readonly bounceRatioMax: number;
  readonly complaintRatioMax: number;
  /** Fewer mails than this are not judged by their bounces and complaints. */
  readonly volumeMin: number;
  /** Names of the sources that are declared new. */
  readonly sources: readonly string[];
}

export const WARM_UP_RULES: WarmUpRules = {
  initialVolume: 100,
  dailyIncreaseRatio: 0.2,
  dailyIncreaseMax: 5_000,
  bounceRatioMax: 0.02,
  complaintRatioMax: 0.001,
  volumeMin: 100,
  sources: [],
};

/** A provider that saw less than this part of what was allowed has not shown that it takes it: the volume is held. */
const SHOWN_SHARE = 0.5;
/** Providers forget a source that is silent for so many days. */
export const IDLE_DAYS_MAX = 30;
/** Against a product such as 0.2 × 35 that comes out a hair below the whole number. */
const ROUNDING = 1e-9;

/** What a day brought. */
export interface DayFigures {
  readonly volume: number;
  readonly sent: number;
  readonly bounced: number;
  readonly complained: number;
  /** Days in a row without a mail before this one. */
  readonly idleDays: number;
}

export type WarmUpVerdict = 'raised' | 'held' | 'halved' | 'idle' | 'decayed';

/** The next day's allowance, and why. */
export function nextVolume(day: DayFigures, rules: WarmUpRules): { volume: number; verdict: WarmUpVerdict } {
  const { volume, sent, bounced } = day;
  const attempts = sent + bounced;
  if (attempts === 0) {
    if (day.idleDays + 1 < IDLE_DAYS_MAX) return { volume, verdict: 'idle' };
    // Halved with every further day of silence, down to where it began.
    return { volume: Math.max(Math.min(volume, rules.initialVolume), halfOf(volume)), verdict: 'decayed' };
  }
  const shown = volume * SHOWN_SHARE;
  if (attempts >= Math.min(rules.volumeMin, shown) && isBreach(day, rules)) {
    return { volume: halfOf(volume), verdict: 'halved' };
  }
  if (attempts < shown) return { volume, verdict: 'held' };
  const share = Math.floor(volume * rules.dailyIncreaseRatio + ROUNDING);
  return { volume: volume + Math.max(1, Math.min(share, rules.dailyIncreaseMax)), verdict: 'raised' };
}

const halfOf = (volume: number): number => Math.max(1, Math.floor(volume / 2));

function isBreach({ sent, bounced, complained }: DayFigures, rules: WarmUpRules): boolean {
  const rates = ratesOf({ sent, delivered: 0, bounced, complained, deferred: 0 });
  return rates.bounced > rules.bounceRatioMax || rates.complained > rules.complaintRatioMax;
}

/** What an allowance says for people: the day before, and what followed. */
export const explainDay = ({ volume, sent, bounced, complained, verdict }: WarmUpDay): string =>
  `${verdict}: ${sent} of ${volume} sent, ${bounced} bounced, ${complained} complained`;

/** Mails per minute that spread a day's allowance over the day: as many in the first hour as in the last. */
export const paceOfDay = (volume: number): number => volume / (24 * 60);

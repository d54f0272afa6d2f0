import type {
  Allowance,
  Bucket,
  OpenBucket,
  ReputationState,
  Score,
  ScoreChange,
  WarmUp,
} from '../contracts/generated.ts';
import { identityIn } from './identity.ts';
import { murmur2 } from './partitioner.ts';
import { actionAt, addCounts, type Counts, NO_COUNTS, ratesOf, type ScoreRules, scoreOf, volumeOf } from './score.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type Millis } from './time.ts';
import { nextVolume, type WarmUpRules } from './warm-up.ts';

/** How identities are judged: today's rules, or others in a replay that asks "what if". */
export interface IdentityRules {
  /** Names the rules in rows; changes with any of them. */
  readonly version: string;
  readonly score: ScoreRules;
  readonly warmUp: WarmUpRules;
}

/** Changes of a score that a row keeps. */
const CHANGES_MAX = 8;
/** Days of a warm-up that a row keeps: the six weeks that one takes, and some. */
const DAYS_MAX = 60;
const HOUR_MINUTES = HOUR_MS / MINUTE_MS;
const DAY_MINUTES = DAY_MS / MINUTE_MS;

/** The state after some input, and the rows that followed from minutes that it closed; null where none changed. */
export interface Advanced {
  readonly state: ReputationState;
  readonly score: Score | null;
  readonly allowance: Allowance | null;
}

export const emptyState = (subject: string): ReputationState => ({
  subject,
  at: 0,
  closedMinute: -1,
  open: [],
  closed: [],
  score: 1,
  action: 'none',
  changes: [],
  warmUp: null,
});

const minuteOf = (at: Millis): number => Math.floor(at / MINUTE_MS);
const endOf = (minute: number): Millis => (minute + 1) * MINUTE_MS;
/** The last minute that nothing can change any more at this event time. */
const lastClosed = (at: Millis, { latenessMs }: ScoreRules): number => minuteOf(at - latenessMs) - 1;

/** Ids are hashed for every event of a replay: in one place, without a buffer for each. */
const scratch = new Uint8Array(256);

/** Writes a text of ASCII, with room for one more; answers its length, or -1 where it is none or too long. */
function asciiInto(bytes: Uint8Array, text: string): number {
  if (text.length >= bytes.length) return -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return -1;
    bytes[at] = code;
  }
  return text.length;
}

/** 53 bits that stand for an event's id: the odds that two of ten thousand are the same are one in 10^8. */
export function eventHash(eventId: string): number {
  let length = asciiInto(scratch, eventId);
  let bytes: Uint8Array = scratch;
  if (length < 0) {
    bytes = Buffer.from(`${eventId}\u0000`, 'utf8');
    length = bytes.length - 1;
  } else scratch[length] = 0;
  const high = murmur2(bytes, length) >>> 11;
  const low = murmur2(bytes, length + 1) >>> 0;
  return high * 0x1_0000_0000 + low;
}

/**
 * Counts an event in its minute, and moves the identity's time; `advance` closes what that closes. One that is later than the lateness bound counts in the oldest minute that is still
 * open; a copy of an event that an open minute holds does not count.
 */
export function count(state: ReputationState, at: Millis, eventId: string, counts: Counts): ReputationState {
  const hash = eventHash(eventId);
  for (const { eventIds } of state.open) if (indexOf(eventIds, hash) >= 0) return state;
  const minute = Math.max(minuteOf(at), state.closedMinute + 1);
  const place = state.open.findIndex((bucket) => bucket.minute >= minute);
  const index = place < 0 ? state.open.length : place;
  const found = state.open[index]?.minute === minute ? state.open[index] : undefined;
  const held: Counts = found ?? NO_COUNTS;
  const eventIds = found?.eventIds ?? [];
  // Spelled out: this is done for every event, and two objects put into a third cost more than all the counting.
  const after: OpenBucket = {
    minute,
    sent: held.sent + counts.sent,
    delivered: held.delivered + counts.delivered,
    bounced: held.bounced + counts.bounced,
    complained: held.complained + counts.complained,
    deferred: held.deferred + counts.deferred,
    eventIds: eventIds.toSpliced(-indexOf(eventIds, hash) - 1, 0, hash),
  };
  return { ...state, at: Math.max(state.at, at), open: state.open.toSpliced(index, found ? 1 : 0, after) };
}

/** Where the number is in the ordered list, or -1 minus the place where it would be. */
function indexOf(ordered: readonly number[], wanted: number): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ordered[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return ordered[low] === wanted ? low : -low - 1;
}

/**
 * Time has come this far for the identity: minutes that ended longer ago than the lateness bound are closed one by one,
 * and judged. What follows depends on what each minute holds and on nothing else, so the order within the bound does not
 * matter.
 */
export function advance(state: ReputationState, at: Millis, rules: IdentityRules): Advanced {
  const target = lastClosed(at, rules.score);
  const now = Math.max(state.at, at);
  if (target <= state.closedMinute) {
    return { state: now === state.at ? state : { ...state, at: now }, score: null, allowance: null };
  }
  const closing = new Closing({ ...state, at: now }, rules);
  for (let minute = closing.next(); minute <= target; minute = closing.next()) closing.close(minute);
  closing.state = { ...closing.state, closedMinute: Math.max(closing.state.closedMinute, target) };
  return { state: closing.state, score: closing.score, allowance: closing.allowance };
}

/** When a minute is next due to be closed, if nothing else is heard of the identity; null for never. */
export function dueAt(state: ReputationState, { latenessMs }: ScoreRules): Millis | null {
  const isJudged = state.action !== 'none' || state.score < 1;
  const minute = nextMinute(state, isJudged && (state.closed.length > 0 || state.action !== 'none'));
  return minute === Number.POSITIVE_INFINITY ? null : endOf(minute) + latenessMs;
}

/** The next minute whose closing changes anything: one that holds something, the last of an hour or of a day. */
function nextMinute(state: ReputationState, ages: boolean): number {
  const from = state.closedMinute + 1;
  const lastOf = (minutes: number) => Math.floor(from / minutes) * minutes + minutes - 1;
  return Math.min(
    state.open[0]?.minute ?? Number.POSITIVE_INFINITY,
    ages ? lastOf(HOUR_MINUTES) : Number.POSITIVE_INFINITY,
    state.warmUp ? lastOf(DAY_MINUTES) : Number.POSITIVE_INFINITY,
  );
}

/** Closes minutes in order, over a state that is its own. */
class Closing {
  state: ReputationState;
  score: Score | null = null;
  allowance: Allowance | null = null;
  private readonly rules: IdentityRules;

  constructor(state: ReputationState, rules: IdentityRules) {
    this.state = state;
    this.rules = rules;
  }

  next(): number {
    return nextMinute(this.state, this.state.closed.length > 0 || this.state.action !== 'none');
  }

  close(minute: number): void {
    const [first] = this.state.open;
    const bucket = first?.minute === minute ? first : null;
    if (bucket) this.take(bucket);
    this.state = { ...this.state, closedMinute: minute };
    const endsHour = (minute + 1) % HOUR_MINUTES === 0;
    if (endsHour) this.state = { ...this.state, closed: this.rolledUp(minute) };
    if (bucket || endsHour) this.judge(minute);
    if (this.state.warmUp && (minute + 1) % DAY_MINUTES === 0) this.endDay(this.state.warmUp, minute);
  }

  private take({ eventIds: _, ...counted }: OpenBucket): void {
    const { state } = this;
    const closed = [...state.closed, { ...counted, minutes: 1 }];
    this.state = { ...state, open: state.open.slice(1), closed, warmUp: this.warming(counted) };
  }

  private warming(counted: Counts & { readonly minute: number }): WarmUp | null {
    const { warmUp, subject } = this.state;
    if (warmUp === null) return this.begun(counted, subject);
    return {
      ...warmUp,
      sent: warmUp.sent + counted.sent,
      bounced: warmUp.bounced + counted.bounced,
      complained: warmUp.complained + counted.complained,
    };
  }

  /** A warm-up begins with the first mail of a source that is declared new. */
  private begun(counted: Counts & { readonly minute: number }, subject: string): WarmUp | null {
    const identity = identityIn(subject);
    const { sources, initialVolume: volume } = this.rules.warmUp;
    if (identity?.kind !== 'source' || !sources.includes(identity.name)) return null;
    const { sent, bounced, complained, minute } = counted;
    const warmUp = {
      day: Math.floor(minute / DAY_MINUTES),
      volume,
      sent,
      bounced,
      complained,
      idleDays: 0,
      days: [],
    };
    this.allowance = this.allowanceOf(warmUp, minute);
    return warmUp;
  }

  /** Full hours become one bucket; what the window has left behind is dropped. */
  private rolledUp(minute: number): Bucket[] {
    const hour = minute + 1 - HOUR_MINUTES;
    const oldest = minute + 1 - this.rules.score.windowMs / MINUTE_MS;
    const kept = this.state.closed.filter((bucket) => bucket.minute + bucket.minutes > oldest);
    const before = kept.filter((bucket) => bucket.minute < hour);
    const within = kept.filter((bucket) => bucket.minute >= hour);
    if (within.length === 0) return before;
    const counts = within.reduce<Counts>(addCounts, NO_COUNTS);
    return [...before, { minute: hour, minutes: HOUR_MINUTES, ...counts }];
  }

  private judge(minute: number): void {
    const { state, rules } = this;
    const counts = state.closed.reduce<Counts>(addCounts, NO_COUNTS);
    const isEmpty = state.closed.length === 0;
    // Too little says nothing, neither good nor bad; an empty window is a new beginning.
    if (!isEmpty && volumeOf(counts) < rules.score.volumeMin) return;
    const score = isEmpty ? 1 : scoreOf(counts, rules.score);
    const action = isEmpty ? 'none' : actionAt(score, state.action, rules.score);
    if (score === state.score && action === state.action) return;
    const { sent, bounced, complained, deferred } = counts;
    const change: ScoreChange = { at: endOf(minute), score, action, sent, bounced, complained, deferred };
    const changes = [change, ...state.changes].slice(0, CHANGES_MAX);
    this.state = { ...state, score, action, changes };
    const rates = ratesOf(counts);
    const figures = JSON.stringify({
      ...counts,
      bounceRateAtLeast: rounded(rates.bounced),
      complaintRateAtLeast: rounded(rates.complained),
    });
    const { subject } = state;
    this.score = { subject, score, action, at: endOf(minute), figures, ruleVersion: rules.version, changes };
  }

  private endDay(warmUp: WarmUp, minute: number): void {
    const { day, volume, sent, bounced, complained } = warmUp;
    const next = nextVolume(warmUp, this.rules.warmUp);
    const ended = { day, volume, sent, bounced, complained, verdict: next.verdict };
    const after: WarmUp = {
      day: day + 1,
      volume: next.volume,
      sent: 0,
      bounced: 0,
      complained: 0,
      idleDays: sent + bounced === 0 ? warmUp.idleDays + 1 : 0,
      days: [ended, ...warmUp.days].slice(0, DAYS_MAX),
    };
    this.state = { ...this.state, warmUp: after };
    this.allowance = this.allowanceOf(after, minute);
  }

  private allowanceOf({ day, volume, days }: WarmUp, minute: number): Allowance {
    return { subject: this.state.subject, day, volume, at: endOf(minute), ruleVersion: this.rules.version, days };
  }
}

const rounded = (rate: number): number => Math.round(rate * 1e6) / 1e6;

import { assert, PostlaneError } from '../domain/error.ts';

/**
 * The delivery ledger: what the owner of a lane partition has done with the offsets from the committed one on.
 * It travels as the metadata of the committed offset, so the commit alone tells a successor everything.
 *
 * - *untouched*: nothing of it has left the house.
 * - *declared*: committed as about to be attempted. A crash makes it uncertain: a copy may have gone out.
 * - *done*: its ending, its retry or its return to the ladder was committed with this mark.
 */
export type Mark = 'untouched' | 'declared' | 'done';

/** One run of equal marks; offsets `from` … `to` inclusive. Untouched stretches are not stored. */
export interface Run {
  readonly from: number;
  readonly to: number;
  readonly mark: 'declared' | 'done';
}

export interface Ledger {
  /** The committed offset: everything below is done. */
  readonly base: number;
  /** Ascending, disjoint. */
  readonly runs: readonly Run[];
}

export const EMPTY_LEDGER: Ledger = { base: 0, runs: [] };

/** The broker takes 4096 bytes of metadata (KAFKAJS.md, measured); the generation and sequence need some of them. */
export const LEDGER_LENGTH_MAX = 4_000;
/** Past this length no more is declared until the map shrinks. */
export const LEDGER_LENGTH_SOFT = 3_000;

const LETTER = { declared: 'd', done: 'x' } as const;
const RADIX = 36;

/**
 * Runs as text, relative to the base: `u5d2x1a` is five untouched, two declared, forty-six done offsets (base 36).
 * Lengths because one slow unit must not stop the lane: thousands of done offsets above it are one run.
 */
export function encodeLedger(ledger: Ledger): string {
  let at = ledger.base;
  let text = '';
  for (const run of ledger.runs) {
    assert(run.from >= at && run.to >= run.from, 'runs ascend', { run, at });
    if (run.from > at) text += `u${(run.from - at).toString(RADIX).toUpperCase()}`;
    text += LETTER[run.mark] + (run.to - run.from + 1).toString(RADIX).toUpperCase();
    at = run.to + 1;
  }
  return text;
}

/**
 * Letters of runs and digits of base 36 overlap (`d`, `u`, `x` are digits too), so digits are written in upper case.
 */
const PATTERN = /([udx])([0-9A-Z]{1,11})/g;

/** Reads what `encodeLedger` wrote. Throws LEDGER_CORRUPT: a ledger that cannot be read must stop the owner, not be guessed. */
export function decodeLedger(base: number, text: string): Ledger {
  const runs: Run[] = [];
  let at = base;
  let read = 0;
  for (const [whole, letter, digits] of text.matchAll(PATTERN)) {
    const length = Number.parseInt(digits as string, RADIX);
    read += whole.length;
    if (letter !== 'u') runs.push({ from: at, to: at + length - 1, mark: letter === 'd' ? 'declared' : 'done' });
    at += length;
  }
  if (read !== text.length) throw new PostlaneError('LEDGER_CORRUPT', { base, text: text.slice(0, 100) });
  return { base, runs };
}

/** The mark of one offset. Offsets below the base are done. Runs are searched by halving: there may be hundreds. */
export function markOf(ledger: Ledger, offset: number): Mark {
  if (offset < ledger.base) return 'done';
  let low = 0;
  let high = ledger.runs.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const run = ledger.runs[middle] as Run;
    if (offset < run.from) high = middle - 1;
    else if (offset > run.to) low = middle + 1;
    else return run.mark;
  }
  return 'untouched';
}

/** A unit as the owner knows it, for building the next ledger. */
export interface Entry {
  readonly offset: number;
  readonly mark: Mark;
  /** A done unit that is no entry any more lies between this one and the one before it. */
  readonly doneBefore: boolean;
}

/**
 * The ledger to commit. `entries`, ascending, are the units that are not done, plus those that this commit makes done.
 * `inherited` is what an older owner left: everything in it above `readTo` still holds, because we have not come to it yet.
 * Offsets that are no units (transaction markers, compaction) join the run before them, so they cost nothing.
 */
export function buildLedger(entries: Iterable<Entry>, doneAfter: boolean, readTo: number, inherited: Ledger): Ledger {
  const runs: { from: number; to: number; mark: 'declared' | 'done' }[] = [];
  let base: number | null = null;
  let before = readTo;
  let doneBetween = false;
  let declared: { from: number; to: number; mark: 'declared' } | null = null;
  for (const entry of entries) {
    doneBetween ||= entry.doneBefore;
    if (entry.mark === 'done') {
      doneBetween = true;
      continue;
    }
    if (base === null) base = entry.offset;
    else if (doneBetween) {
      runs.push({ from: before + 1, to: entry.offset - 1, mark: 'done' });
      declared = null;
    }
    if (entry.mark === 'untouched') declared = null;
    else if (declared) declared.to = entry.offset;
    else {
      declared = { from: entry.offset, to: entry.offset, mark: 'declared' };
      runs.push(declared);
    }
    before = entry.offset;
    doneBetween = false;
  }
  if (base !== null && (doneBetween || doneAfter) && readTo > before) {
    runs.push({ from: before + 1, to: readTo, mark: 'done' });
  }
  for (const run of inherited.runs) {
    if (run.to > readTo) runs.push({ from: Math.max(run.from, readTo + 1), to: run.to, mark: run.mark });
  }
  return advance(base ?? Math.max(readTo + 1, inherited.base), runs);
}

/** Done runs at the base move the base. */
function advance(start: number, runs: readonly Run[]): Ledger {
  let base = start;
  let dropped = 0;
  for (const run of runs) {
    if (run.mark !== 'done' || run.from > base) break;
    base = run.to + 1;
    dropped++;
  }
  return { base, runs: runs.slice(dropped) };
}

import { BOUNCE_RULES } from '../bounce-rules.ts';
import { type BounceRule, classify } from '../classification.ts';
import { boundText, REPLY_TEXT_BYTES_MAX } from '../reply.ts';
import type { JudgedRefusal } from './judge.ts';

/** Characters before the words that tell, for people: what was refused usually stands there. */
const LENGTH_BEFORE = 120;
/** Where rules looked is no longer than this; pieces of it are tried in turn. */
const TEXT_LENGTH_MAX = 4_096;
const STEP_LENGTH = 200;

/**
 * At most 512 bytes of what a refusal was judged by, such that the rules come to the same verdict by them alone: what a
 * signal carries must tell a replay as much as the whole report told us.
 */
export function tellingWords({ refusal, found }: JudgedRefusal, rules: readonly BounceRule[] = BOUNCE_RULES): string {
  const text = refusal.text.slice(0, TEXT_LENGTH_MAX).toWellFormed();
  const beginning = boundText(text, REPLY_TEXT_BYTES_MAX);
  if (beginning === text) return text;
  const tells = (piece: string): boolean => classify({ ...refusal, text: piece }, rules).ruleId === found.ruleId;
  for (const start of startsIn(text, rules.find(({ id }) => id === found.ruleId)?.text)) {
    const piece = boundText(text.slice(start).toWellFormed(), REPLY_TEXT_BYTES_MAX);
    if (tells(piece)) return piece;
  }
  return beginning;
}

/** Where pieces may begin, the likely ones first. */
function* startsIn(text: string, pattern: RegExp | undefined): Generator<number> {
  yield 0;
  const at = pattern ? text.search(pattern) : -1;
  if (at > 0) yield Math.max(0, at - LENGTH_BEFORE);
  if (at > 0) yield at;
  for (let start = STEP_LENGTH; start < text.length; start += STEP_LENGTH) yield start;
}

import { ADDRESS_RULES, PATH_RULES } from './bounce-rules/by-code.ts';
import { RECIPIENT_WORD_RULES } from './bounce-rules/by-words.ts';
import { PROVIDER_RULES } from './bounce-rules/provider.ts';
import { SENDER_RULES } from './bounce-rules/sender.ts';
import type { BounceRule } from './classification.ts';

/**
 * Version of the rules. It travels in signals and evidence, so that a replay can say which rules judged; it changes whenever
 * a rule does (a test compares the rules with the digest of their version).
 */
export const BOUNCE_RULES_VERSION = '3';

/**
 * What refusals mean; the first match wins. The order is: what is about us or the mail first, whatever the code claims,
 * because a blocklisting that hides behind 5.1.1 must not cost an address its place; then what the enhanced code says
 * (RFC 3463 and the IANA registry); then the words of servers that send none, or a general one.
 */
export const BOUNCE_RULES: readonly BounceRule[] = [
  ...PROVIDER_RULES,
  ...SENDER_RULES,
  ...ADDRESS_RULES,
  ...RECIPIENT_WORD_RULES,
  ...PATH_RULES,
];

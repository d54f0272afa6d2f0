import { BOUNCE_RULES, BOUNCE_RULES_VERSION } from './bounce-rules.ts';

/** What a refusal means. `class` in results and signals. */
export type BounceClass =
  | 'invalid-recipient' // no such mailbox
  | 'invalid-domain' // the domain takes no mail, or is none
  | 'inactive' // the mailbox exists and is switched off
  | 'mailbox-full'
  | 'too-large'
  | 'not-accepted-here' // the recipient's side takes no mail from us for it: relaying denied, closed group, moved
  | 'policy'
  | 'spam-content'
  | 'auth-failure' // SPF, DKIM, DMARC, reverse DNS, TLS or our login
  | 'blocklist'
  | 'rate-limited'
  | 'greylisted'
  | 'routing' // the path to the site, not the mail
  | 'unsupported' // the site lacks an extension that the mail needs
  | 'protocol' // it did not understand us
  | 'unreachable' // no reply at all
  | 'retries-exhausted'
  | 'transient' // a 4xx that no rule knows
  | 'undetermined'; // a 5xx that no rule knows

/** Whose fault a refusal is: what has to change before the same mail would be taken. */
export type Blame = 'recipient' | 'sender' | 'content' | 'network' | 'unknown';

/** Whom a class blames, unless its rule says otherwise. */
const BLAMES: Readonly<Record<BounceClass, Blame>> = {
  'invalid-recipient': 'recipient',
  'invalid-domain': 'recipient',
  inactive: 'recipient',
  'mailbox-full': 'recipient',
  'too-large': 'content',
  'not-accepted-here': 'recipient',
  policy: 'sender',
  'spam-content': 'content',
  'auth-failure': 'sender',
  blocklist: 'sender',
  'rate-limited': 'sender',
  greylisted: 'sender',
  routing: 'network',
  unsupported: 'content',
  protocol: 'sender',
  unreachable: 'network',
  'retries-exhausted': 'network',
  transient: 'unknown',
  undetermined: 'unknown',
};

/** How much a refusal says about the address: proof that it is dead, a hint, or nothing (it is about us, the mail or the path). */
export type BounceSeverity = 'hard' | 'soft' | 'none';

/** Where in the conversation the refusal came; null where that is not known (a DSN). */
export type BounceStage = string | null;

/** A refusal, as it came from the other side. Never one of our own texts. */
export interface Refusal {
  readonly smtpCode: number | null;
  readonly enhancedCode: string | null;
  readonly text: string;
  readonly stage: BounceStage;
}

/** One rule; every matcher that is there must match. Rules are data: see `bounce-rules.ts`. */
export interface BounceRule {
  readonly id: string;
  /** Matched against the three digits; '' where there are none. */
  readonly code?: RegExp;
  /** Matched against the enhanced code (`5.1.1`); '' where there is none. */
  readonly enhanced?: RegExp;
  /** Matched against the text without the addresses in it: `spam@…` is no word of the server's. */
  readonly text?: RegExp;
  /** Matched against the stage; '' where it is not known. */
  readonly stage?: RegExp;
  readonly class: BounceClass;
  readonly severity: BounceSeverity;
  /** Overrides what the first digit says about trying again. */
  readonly permanent?: boolean;
  /** False where a dead address is not to be suppressed all the same; needed with `hard` only. */
  readonly suppress?: false;
  /** Overrides whom the class blames. */
  readonly blames?: Blame;
  readonly why: string;
  /** Replies that this rule is for: `postlane rules check` shows that it gets them. */
  readonly samples: readonly string[];
}

export interface Classification {
  readonly class: BounceClass;
  readonly severity: BounceSeverity;
  readonly blames: Blame;
  /** No further attempt makes sense. */
  readonly permanent: boolean;
  /** The address is dead: nobody of ours should write to it again. */
  readonly suppress: boolean;
  readonly ruleId: string;
  readonly ruleVersion: string;
  readonly why: string;
}

/** As much of a reply as is looked at: rules must cost the same for every reply. */
const TEXT_LENGTH_MAX = 4_096;

/** Scripts without spaces touch an address with words of theirs, which are to be kept. */
const ADDRESS = /[^\s<>@\u2e80-\uffef]{1,64}@[^\s<>@:;,()\u2e80-\uffef]{1,255}/g;
const WORD = /\S+/g;

/** Only words that hold an @ are searched for an address, so that long text without any costs nothing. */
const withoutAddresses = (text: string): string =>
  text.includes('@') ? text.replace(WORD, (word) => (word.includes('@') ? word.replace(ADDRESS, '@') : word)) : text;

const permanentByCode = ({ smtpCode, enhancedCode }: Refusal): boolean =>
  smtpCode !== null ? smtpCode >= 500 : (enhancedCode ?? '').startsWith('5.');

function matches(rule: BounceRule, refusal: Refusal, text: string): boolean {
  if (rule.code && !rule.code.test(refusal.smtpCode === null ? '' : String(refusal.smtpCode))) return false;
  if (rule.enhanced && !rule.enhanced.test(refusal.enhancedCode ?? '')) return false;
  if (rule.stage && !rule.stage.test(refusal.stage ?? '')) return false;
  return rule.text === undefined || rule.text.test(text);
}

/** Classifies a refusal: the first rule that matches. `rules` differ only in replays that ask "what if". */
export function classify(
  refusal: Refusal,
  rules: readonly BounceRule[] = BOUNCE_RULES,
  ruleVersion: string = BOUNCE_RULES_VERSION,
): Classification {
  const byCode = permanentByCode(refusal);
  if (refusal.smtpCode === null && refusal.enhancedCode === null && refusal.text === '') {
    const why = 'there was no reply: the connection failed, and says nothing about the address';
    return fallback('unreachable', false, ruleVersion, why);
  }
  const text = withoutAddresses(refusal.text.slice(0, TEXT_LENGTH_MAX));
  const rule = rules.find((candidate) => matches(candidate, refusal, text));
  if (!rule) {
    return byCode
      ? fallback(
          'undetermined',
          true,
          ruleVersion,
          'a 5xx that no rule knows is final for the mail, not for the address',
        )
      : fallback('transient', false, ruleVersion, 'a 4xx that no rule knows is tried again');
  }
  const permanent = rule.permanent ?? byCode;
  return {
    class: rule.class,
    // A server that says "try again later" has not proven that the address is dead.
    severity: rule.severity === 'hard' && !permanent ? 'soft' : rule.severity,
    permanent,
    blames: rule.blames ?? BLAMES[rule.class],
    suppress: rule.severity === 'hard' && permanent && rule.suppress !== false,
    ruleId: rule.id,
    ruleVersion,
    why: rule.why,
  };
}

const fallback = (found: BounceClass, permanent: boolean, ruleVersion: string, why: string): Classification => ({
  class: found,
  severity: 'none',
  blames: BLAMES[found],
  permanent,
  suppress: false,
  ruleId: `default-${found}`,
  ruleVersion,
  why,
});

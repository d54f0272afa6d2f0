import { BOUNCE_RULES, BOUNCE_RULES_VERSION } from '../bounce-rules.ts';
import {
  type Blame,
  type BounceClass,
  type BounceRule,
  type BounceSeverity,
  type Classification,
  classify,
  type Refusal,
} from '../classification.ts';
import type { FeedbackKind, ReportedRecipient } from './report.ts';

/** What feedback is called: a refusal by what it means, anything else by what it is. */
export type FeedbackClass = BounceClass | Exclude<FeedbackKind, 'bounce' | 'delay'>;

/** What a report about one recipient means. */
export interface Judgement {
  /** Null where the report does not name it. */
  readonly address: string | null;
  /** What became of this recipient; a report may say different things of several. */
  readonly kind: FeedbackKind;
  /** RFC 3463; null where the report has none. */
  readonly status: string | null;
  readonly class: FeedbackClass;
  readonly severity: BounceSeverity;
  readonly blames: Blame;
  readonly rule: string;
  readonly ruleVersion: string;
  /** As it would be where the report is bound to a mail of ours; unbound, it never suppresses. */
  readonly suppress: boolean;
  readonly why: string;
}

/** A rule about what is no refusal. */
interface KindRule {
  readonly id: string;
  readonly kind: Exclude<FeedbackKind, 'bounce' | 'delay'>;
  readonly blames: Blame;
  readonly suppress: boolean;
  readonly why: string;
}

/** Rules of the same version as those about refusals. */
export const KIND_RULES: readonly KindRule[] = [
  {
    id: 'complaint',
    kind: 'complaint',
    blames: 'sender',
    suppress: true,
    why: 'RFC 5965: the recipient called the mail spam; it goes on to, at the price of the sender’s reputation',
  },
  {
    id: 'unsubscribe',
    kind: 'unsubscribe',
    blames: 'recipient',
    suppress: true,
    why: 'RFC 2369 and RFC 8058: the recipient wants no more of this mail',
  },
  {
    id: 'delivered',
    kind: 'delivered',
    blames: 'unknown',
    suppress: false,
    why: 'RFC 3464 section 2.3.3: delivered, relayed or expanded; nothing failed',
  },
  {
    id: 'auto-reply',
    kind: 'auto-reply',
    blames: 'unknown',
    suppress: false,
    why: 'RFC 3834: an answer of a machine to a mail that arrived: out of office, a receipt, a challenge',
  },
  {
    id: 'unknown',
    kind: 'unknown',
    blames: 'unknown',
    suppress: false,
    why: 'says nothing about whether mail arrives',
  },
];

/** Reports of feedback loops that no person has set off (RFC 6591). */
const AUTHENTICATION_REPORT: KindRule = {
  id: 'authentication-report',
  kind: 'unknown',
  blames: 'sender',
  suppress: false,
  why: 'RFC 6591: a server reports that authentication failed; nobody has complained',
};

export const ALL_KIND_RULES: readonly KindRule[] = [AUTHENTICATION_REPORT, ...KIND_RULES];

/** Other rules than today's, for a replay that asks "what if". */
export interface Rules {
  readonly rules: readonly BounceRule[];
  readonly version: string;
}

const TODAY: Rules = { rules: BOUNCE_RULES, version: BOUNCE_RULES_VERSION };
/** RFC 3463: what a failure is that names no code. Without it, words alone would look like a refusal for now only. */
const SOME_FAILURE = '5.0.0';
const SOME_DELAY = '4.0.0';

const isDefault = (ruleId: string): boolean => ruleId.startsWith('default-');
/** Rules that say little: the words around a refusal may say more. */
const isVague = (ruleId: string): boolean =>
  isDefault(ruleId) ||
  ['policy-words', 'busy-words', 'site-full', 'server-error-words', 'protocol-stage', 'service-closing'].includes(
    ruleId,
  );

/**
 * A server that says that it refused, or that something of its own failed, has not said that the address is dead: an
 * explanation with guesses at reasons may.
 */
const isOverruled = (later: Classification, first: Classification | undefined): boolean =>
  later.severity === 'hard' && ['policy-words', 'server-error-words'].includes(first?.ruleId ?? '');

/** A refusal, and what the rules make of it: whoever classifies the one gets the other. */
export interface JudgedRefusal {
  readonly refusal: Refusal;
  readonly found: Classification;
}

/**
 * The refusal that a bounce or a delay is judged by: the server's own words, or those around them where its own say little. It
 * is what a signal carries, so that a replay comes to the same verdict.
 */
export function judgedRefusal(reported: ReportedRecipient, { rules, version }: Rules = TODAY): JudgedRefusal {
  const { kind, smtpCode } = reported;
  const isFinal = kind === 'bounce';
  const usable = smtpCode !== null && smtpCode >= 400 ? smtpCode : null;
  const enhancedCode = reported.enhancedCode ?? (usable === null ? (isFinal ? SOME_FAILURE : SOME_DELAY) : null);
  const by = (refusal: Refusal): JudgedRefusal => ({ refusal, found: classify(refusal, rules, version) });
  const texts = [reported.text, ...reported.contexts.filter((text) => text.trim() !== '')];
  const judged = texts
    .map((text) => by({ smtpCode: usable, enhancedCode, text: text.replace(/\s+/g, ' ').trim(), stage: null }))
    // What is still tried has not been tried for too long.
    .filter(({ found }) => isFinal || found.class !== 'retries-exhausted');
  const first = judged[0]?.found;
  return (
    judged.find(({ found }, index) => !isVague(found.ruleId) && !(index > 0 && isOverruled(found, first))) ??
    judged.find(({ found }) => !isDefault(found.ruleId)) ??
    judged[0] ??
    by({ smtpCode: usable, enhancedCode: SOME_DELAY, text: '', stage: null })
  );
}

function judgeRefusal(reported: ReportedRecipient, rules: Rules): Judgement {
  const { found } = judgedRefusal(reported, rules);
  const isFinal = reported.kind === 'bounce';
  return {
    address: reported.address,
    kind: reported.kind,
    status: reported.enhancedCode,
    class: found.class,
    // What is still under way has proven nothing.
    severity: isFinal ? found.severity : 'none',
    blames: found.blames,
    rule: found.ruleId,
    ruleVersion: found.ruleVersion,
    suppress: isFinal && found.suppress,
    why: found.why,
  };
}

/** Judges what a report says about one recipient, by the rules of this version or others. */
export function judge(reported: ReportedRecipient, rules: Rules = TODAY): Judgement {
  const { kind, address, label } = reported;
  if (kind === 'bounce' || kind === 'delay') return judgeRefusal(reported, rules);
  const named = KIND_RULES.find((candidate) => candidate.kind === kind) as KindRule;
  const rule = kind === 'unknown' && label === 'auth-failure' ? AUTHENTICATION_REPORT : named;
  return {
    address,
    kind,
    status: reported.enhancedCode,
    class: kind,
    severity: 'none',
    blames: rule.blames,
    rule: rule.id,
    ruleVersion: rules.version,
    suppress: rule.suppress,
    why: rule.why,
  };
}

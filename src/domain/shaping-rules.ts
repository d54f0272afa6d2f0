import { readRefusal } from './refusal.ts';
import type { Reply } from './reply.ts';
import { HOUR_MS, MINUTE_MS } from './time.ts';

/** What a source does at a site after a reply. Always for a finite time. */
export type ShapingAction =
  /** Nothing goes. */
  | { readonly kind: 'suspend'; readonly forMs: number }
  /** At most so much goes. */
  | {
      readonly kind: 'slow';
      readonly forMs: number;
      readonly ratePerMinute: number;
      /** Null: as many as before. */
      readonly connectionsMax: number | null;
    };

/** A reply that asks for less, and what we make of it. Every matcher that is there must match. */
export interface ShapingRule {
  readonly id: string;
  /** Sites that it is for; null: every one. */
  readonly sites: readonly string[] | null;
  readonly code?: RegExp;
  /** Matched against `enhanced-code text`. */
  readonly text: RegExp;
  readonly action: ShapingAction;
  readonly why: string;
  /** Replies that the rule is for: `postlane providers check` shows that it gets them. */
  readonly samples: readonly string[];
}

export const SHAPING_RULES_VERSION = '1';

const suspend = (forMs: number): ShapingAction => ({ kind: 'suspend', forMs });
const slow = (forMs: number, ratePerMinute: number, connectionsMax: number | null = null): ShapingAction => ({
  kind: 'slow',
  forMs,
  ratePerMinute,
  connectionsMax,
});

/** What replies ask for; the first match wins. Matched against what servers said, never against a text of ours. */
export const SHAPING_RULES: readonly ShapingRule[] = [
  {
    id: 'yahoo-unwelcome',
    sites: ['yahoo'],
    text: /\[(?:TSS?|IPTS)05\]/i,
    action: suspend(4 * HOUR_MS),
    why: 'Yahoo names the address as a source of unwanted mail for hours; trying meanwhile makes it longer',
    samples: ['421 4.7.0 [TSS05] Messages from 192.0.2.1 temporarily deferred due to unexpected volume'],
  },
  {
    id: 'yahoo-complaints',
    sites: ['yahoo'],
    text: /\[TSS?04\]/i,
    action: suspend(2 * HOUR_MS),
    why: 'the deferral of Yahoo for volume or complaints, which it lifts after hours and not for who keeps knocking',
    samples: ['421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints'],
  },
  {
    id: 'yahoo-almost-nothing',
    sites: ['yahoo'],
    text: /\[TS02\]/i,
    action: slow(30 * MINUTE_MS, 1, 1),
    why: 'Yahoo takes hardly anything from the address for a while; one mail a minute shows when that ends',
    samples: ['421 4.7.0 [TS02] Messages from 192.0.2.1 temporarily deferred'],
  },
  {
    id: 'yahoo-little',
    sites: ['yahoo'],
    text: /\[TS03\]/i,
    action: slow(30 * MINUTE_MS, 10),
    why: 'Yahoo takes less from the address than came; ten mails a minute stay below what it still takes',
    samples: ['421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred'],
  },
  {
    id: 'apple-wait',
    sites: ['apple'],
    text: /\[(?:HCM1|BS02)\]/i,
    action: suspend(15 * MINUTE_MS),
    why: 'iCloud holds an address back for a quarter of an hour and says so with these marks',
    samples: ['450 4.2.1 [HCM1] Message deferred', '421 4.7.0 [BS02] Try again later'],
  },
  {
    id: 'comcast-wait',
    sites: ['comcast'],
    text: /\bRL000010\b/i,
    action: suspend(5 * MINUTE_MS),
    why: 'Comcast counts connections per address over minutes; who pauses for five of them begins anew',
    samples: ['421 4.1.0 192.0.2.1 Throttled - try again later. RL000010'],
  },
  {
    id: 'google-rate',
    sites: ['google'],
    text: /^4\.7\.(?:0|28)\b.*(?:unusual rate|rate limit|try again later|too many)/is,
    action: slow(15 * MINUTE_MS, 60, 2),
    why: 'Google answers bursts, not mails, with 4.7.28: one mail a second passes where the burst did not',
    samples: ['421 4.7.28 Our system has detected an unusual rate of mail originating from your address'],
  },
  {
    id: 'microsoft-busy',
    sites: ['microsoft'],
    text: /server busy|\[S3150\]|\bAS\(?780\)?|(?:rate|connection) limit/is,
    action: slow(15 * MINUTE_MS, 60, 2),
    why: 'Outlook asks with "server busy" for fewer connections and a slower pace from this address',
    samples: ['451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS780)'],
  },
  {
    id: 'reputation-limit',
    sites: null,
    code: /^4/,
    text: /rate limited due to (?:ip )?reputation|messages? weren.t sent|temporarily deferred due to/i,
    action: slow(90 * MINUTE_MS, 1, 1),
    why: 'the server holds the name of the address against it: next to nothing passes for an hour or more',
    samples: ['450 4.7.1 Message rate limited due to IP reputation. See our postmaster page'],
  },
  {
    id: 'too-many-connections',
    sites: null,
    code: /^4/,
    text: /too many (?:concurrent |simultaneous |smtp )*(?:connections|sessions)|connection limit|max(?:imum)? (?:concurrent )?connections/i,
    action: slow(10 * MINUTE_MS, 600, 1),
    why: 'the server counts connections and has a lower limit than we thought: one at a time is within any',
    samples: ['421 4.7.0 Too many connections to this site', '421 Too many concurrent SMTP connections'],
  },
  {
    id: 'too-fast',
    sites: null,
    code: /^4/,
    text: /too many (?:messages|mails|e-?mails|recipients)|slow down|sending (?:too fast|rate)|rate limit|throttl|unusual rate/i,
    action: slow(10 * MINUTE_MS, 30),
    why: 'the server asks for a slower pace without naming one; one mail in two seconds suits most',
    samples: ['421 4.7.28 Too many messages from this source, slow down', '450 4.7.1 Throttled'],
  },
];

/** The rule that a reply of a site fires; null for none. */
export function shapingRuleOf(
  reply: Pick<Reply, 'code' | 'enhancedCode' | 'text'>,
  site: string,
  rules: readonly ShapingRule[] = SHAPING_RULES,
): ShapingRule | null {
  // What is final is about the mail: a site that refuses one asks for no slower pace.
  if (reply.code >= 500) return null;
  const code = reply.code === 0 ? '' : String(reply.code);
  const text = reply.enhancedCode === null ? reply.text : `${reply.enhancedCode} ${reply.text}`;
  return (
    rules.find(
      (rule) =>
        (rule.sites === null || rule.sites.includes(site)) &&
        (rule.code === undefined || rule.code.test(code)) &&
        rule.text.test(text),
    ) ?? null
  );
}

const REASON_LENGTH_MIN = 20;
/** Nothing that a reply says holds for longer. */
export const SHAPING_MS_MAX = 24 * HOUR_MS;

/** What is wrong with shaping rules, as data. `sites`: names that exist. */
export function checkShapingRules(
  rules: readonly ShapingRule[],
  sites: ReadonlySet<string>,
): readonly { rule: string; problem: string }[] {
  const seen = new Set<string>();
  return rules.flatMap((rule) => {
    const problems: { rule: string; problem: string }[] = [];
    const add = (problem: string) => problems.push({ rule: rule.id, problem });
    if (seen.has(rule.id)) add('there is another rule of this name');
    seen.add(rule.id);
    if (rule.why.trim().length < REASON_LENGTH_MIN) add('does not say why');
    if (!(rule.action.forMs > 0 && rule.action.forMs <= SHAPING_MS_MAX)) add('does not end within a day');
    for (const site of rule.sites ?? []) if (!sites.has(site)) add(`is for the site "${site}", which does not exist`);
    if (rule.samples.length === 0) add('has no sample that shows that it is reachable');
    for (const sample of rule.samples) {
      const { smtpCode, enhancedCode, text } = readRefusal(sample);
      const first = shapingRuleOf({ code: smtpCode ?? 0, enhancedCode, text }, rule.sites?.[0] ?? '', rules);
      if (first === null) add(`does not match its own sample "${sample}"`);
      else if (first.id !== rule.id) add(`"${first.id}" comes first and takes its sample "${sample}"`);
    }
    return problems;
  });
}

import type { EmailJob } from '../../contracts/generated.ts';
import { EMAIL_TYPES, type EmailType } from '../../domain/policy.ts';
import { type Millis, SECOND_MS } from '../../domain/time.ts';

/** What a demo mail is meant to come to. */
export const FATES = [
  'good',
  'bouncing',
  'deferring',
  'suppressed',
  'scheduled',
  'expired',
  'invalid',
  'malformed',
  'published-twice',
] as const;
export type Fate = (typeof FATES)[number];

export interface DemoMail {
  readonly fate: Fate;
  readonly type: EmailType;
  /** Key of its record: the job's id. */
  readonly id: string;
  /** `null` where the bytes are no job at all. */
  readonly job: EmailJob | null;
}

/** Out of a hundred mails, in a fixed order, so that a demo of any size has a mix and two demos of one size have the same. */
const MIX: readonly (readonly [Fate, number])[] = [
  ['good', 73],
  ['bouncing', 6],
  ['deferring', 5],
  ['suppressed', 4],
  ['scheduled', 4],
  ['expired', 2],
  ['invalid', 2],
  ['malformed', 2],
  ['published-twice', 2],
];

const DOMAINS = ['google.test', 'microsoft.test', 'yahoo.test', 'apple.test', 'inbox.example', 'mail.example'] as const;
const SCHEDULED_AHEAD_MS = 8 * SECOND_MS;
/** Every type has its turn; most mail is marketing, as in life. */
const TYPES: readonly EmailType[] = ['marketing', 'transactional', 'marketing', 'notification'];

function fateOf(n: number): Fate {
  // Stepping through the hundred by a number that shares no divisor with it meets every place once.
  let place = (n * 37) % 100;
  for (const [fate, share] of MIX) {
    if (place < share) return fate;
    place -= share;
  }
  return 'good';
}

/** The recipients that the demo suppresses before it sends. */
export const suppressedAddress = (run: string, n: number): string => `opted-out.${n}.${run}@inbox.example`;

/** A demo load of `count` mails. `run` tells the mails of one run from those of another. */
export function demoLoad(count: number, run: string, now: Millis): readonly DemoMail[] {
  return Array.from({ length: count }, (_, n) => demoMail(n, run, now));
}

function demoMail(n: number, run: string, now: Millis): DemoMail {
  const fate = fateOf(n);
  const id = `demo-${run}-${n}`;
  // Deferring mails are of the type whose first retry comes soonest, so that the demo need not wait for long.
  const type = fate === 'deferring' ? 'transactional' : (TYPES[n % TYPES.length] ?? EMAIL_TYPES[0]);
  if (fate === 'malformed') return { fate, type, id, job: null };
  const job: EmailJob = {
    id,
    tenant: 'default',
    type,
    priority: 'normal',
    recipient: recipientOf(fate, n, run),
    payload: payloadOf(n, type),
    templateId: null,
    templateVersion: null,
    mergeData: [],
    metadata: [{ name: 'fate', value: fate }],
    tags: ['demo', fate],
    campaign: type === 'marketing' ? 'demo' : null,
    sendAt: fate === 'scheduled' ? now + SCHEDULED_AHEAD_MS : null,
    expiresAt: fate === 'expired' ? now - SECOND_MS : null,
    region: null,
    traceparent: null,
  };
  return { fate, type, id, job };
}

function recipientOf(fate: Fate, n: number, run: string): string {
  const domain = DOMAINS[n % DOMAINS.length] ?? 'inbox.example';
  switch (fate) {
    case 'bouncing':
      return `reject-550-5.1.1+${n}.${run}@${domain}`;
    case 'deferring':
      return `defer-1+${n}.${run}@${domain}`;
    case 'suppressed':
      return suppressedAddress(run, n);
    case 'invalid':
      return `no-domain-${n}`;
    default:
      return `person.${n}.${run}@${domain}`;
  }
}

function payloadOf(n: number, type: EmailType): EmailJob['payload'] {
  return {
    from: 'The Shop <news@shop.example>',
    replyTo: null,
    subject: type === 'marketing' ? `Offers of the week, no. ${n}` : `Your order ${n}`,
    html: `<html><body><h1>Hello no. ${n}</h1><p>${'Something you may like. '.repeat(40)}</p></body></html>`,
    text: `Hello no. ${n}`,
    unsubscribeLink: type === 'marketing' ? `https://shop.example/unsubscribe/${n}` : null,
    oneClick: type === 'marketing',
    headers: [],
    attachments: [],
    mime: null,
  };
}

import type { EmailType } from '../../src/domain/policy.ts';
import type { EmailJobInput } from '../../src/index.ts';
import type { Random } from './random.ts';

/** Sites of a load: the providers', and some of their own in the lane of all others. */
const SITES = [
  'google.test',
  'microsoft.test',
  'yahoo.test',
  'apple.test',
  'one.example',
  'two.example',
  'three.example',
];

export interface LoadOptions {
  readonly prefix: string;
  readonly count: number;
  readonly types: readonly EmailType[];
  readonly random: Random;
  /** What stands before the `@`, and decides what the sink does; see docs/simulator.md. Default: ordinary mailboxes. */
  readonly mailbox?: (n: number, random: Random) => string;
  /** Default: those of every lane. */
  readonly sites?: readonly string[];
  /** Octets of the body. Default a few words. */
  readonly bodyBytes?: number;
}

/** What every local part may hold. */
const PREFIX = /^[\w-]+-$/;

/** Jobs that differ in everything that decides about their way; the same for the same chance. */
export function load({ prefix, count, types, random, ...rest }: LoadOptions): EmailJobInput[] {
  const { mailbox = () => 'ada', sites = SITES, bodyBytes = 0 } = rest;
  if (!PREFIX.test(prefix)) throw new Error(`${prefix} would make addresses that are none`);
  return Array.from({ length: count }, (_, n) => ({
    id: `${prefix}${n}`,
    type: types[n % types.length] as EmailType,
    recipient: `${mailbox(n, random)}+${prefix}${n}@${random.pick(sites)}`,
    payload: {
      from: 'Shop <news@shop.example>',
      subject: `Number ${n}`,
      text: `Thank you. ${'All the best from us to you. '.repeat(Math.ceil(bodyBytes / 29))}`,
    },
  }));
}

import { PostlaneError } from '../../domain/error.ts';
import type { Millis } from '../../domain/time.ts';
import { type Behaviour, isOfListener, parseBehaviour } from './behaviour.ts';

/** EHLO keywords that can be taken away. */
export const EXTENSIONS = [
  'PIPELINING',
  'SIZE',
  '8BITMIME',
  'ENHANCEDSTATUSCODES',
  'SMTPUTF8',
  'STARTTLS',
  'AUTH',
] as const;
export type Extension = (typeof EXTENSIONS)[number];

/** How a whole site behaves, until it is restored. What is left out is as usual. */
export interface SiteBehaviour {
  /** A behaviour's words, as in an address: `421`, `slow-500`, `hang-greeting`, `refuse-connections`, `reject-550-5.7.1`. */
  readonly mode?: string;
  /** Connections that may have addressed the site at one time. */
  readonly connectionsMax?: number;
  readonly messagesPerConnectionMax?: number;
  /** Recipients that are taken in any sliding minute, from each source. */
  readonly ratePerMinute?: number;
  /** Recipients that are taken within any second, from each source. */
  readonly burstMax?: number;
  /**
   * Greylisting: an address is refused with `451 4.7.1` to each client address and envelope sender until so many
   * milliseconds after it was first named by them.
   */
  readonly greylistMs?: number;
  /** EHLO keywords that the listener does not offer meanwhile. */
  readonly without?: readonly Extension[];
  /** Only for the client that gives this name in EHLO. */
  readonly source?: string;
  /** Ends by itself then: milliseconds since the epoch, or ISO 8601. */
  readonly until?: Millis | string;
}

/** A site's behaviour, read. */
export interface SiteRule {
  readonly behaviour: Behaviour | null;
  readonly connectionsMax: number;
  readonly messagesPerConnectionMax: number;
  readonly ratePerMinute: number;
  readonly burstMax: number;
  /** 0: none. */
  readonly greylistMs: Millis;
  readonly without: ReadonlySet<Extension>;
  readonly source: string | null;
  readonly until: Millis;
  /** As it was given. */
  readonly given: SiteBehaviour;
}

const NUMBERS = ['connectionsMax', 'messagesPerConnectionMax', 'ratePerMinute', 'burstMax'] as const;
const KEYS: ReadonlySet<string> = new Set(['mode', ...NUMBERS, 'greylistMs', 'without', 'source', 'until']);

/** Reads a behaviour that came from outside. Throws CONFIG_INVALID with every problem. */
export function readSiteBehaviour(given: unknown): SiteRule {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw invalid(['an object is expected']);
  const fields = given as Readonly<Record<string, unknown>>;
  const problems = Object.keys(fields)
    .filter((key) => !KEYS.has(key))
    .map((key) => `unknown key ${JSON.stringify(key)}; there are ${[...KEYS].join(', ')}`);
  const behaviour = modeOf(fields.mode, problems);
  const [connectionsMax, messagesPerConnectionMax, ratePerMinute, burstMax] = NUMBERS.map((key) => {
    const value = fields[key] ?? Number.POSITIVE_INFINITY;
    if (typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY))
      return value;
    problems.push(`${key} is a whole number, 0 or more`);
    return 0;
  }) as [number, number, number, number];
  const greylistMs = fields.greylistMs ?? 0;
  if (typeof greylistMs !== 'number' || !(greylistMs >= 0)) problems.push('greylistMs is a time in milliseconds');
  const without = withoutOf(fields.without, problems);
  const source = fields.source ?? null;
  if (source !== null && typeof source !== 'string') problems.push('source is the name that the client gives in EHLO');
  if (source !== null && (without.size > 0 || behaviour?.stage === 'greeting' || behaviour?.stage === 'ehlo')) {
    problems.push('source is not known before EHLO: this needs to be without');
  }
  const until = untilOf(fields.until, problems);
  if (problems.length > 0) throw invalid(problems);
  return {
    behaviour,
    connectionsMax,
    messagesPerConnectionMax,
    ratePerMinute,
    burstMax,
    greylistMs: greylistMs as Millis,
    without,
    source: source === null ? null : String(source).toLowerCase(),
    until,
    given: given as SiteBehaviour,
  };
}

/** True where something of the rule concerns every mail of a listener. */
export const concernsListener = ({ behaviour, without }: SiteRule): boolean =>
  without.size > 0 || (behaviour !== null && isOfListener(behaviour));

function modeOf(mode: unknown, problems: string[]): Behaviour | null {
  if (mode === undefined || mode === null || mode === 'normal') return null;
  const behaviour = typeof mode === 'string' ? parseBehaviour(mode) : null;
  if (behaviour === null) problems.push(`mode ${JSON.stringify(mode)} is no behaviour; GET / lists them`);
  if (behaviour?.kind === 'refuse' && isOfListener(behaviour) && behaviour.times !== Number.POSITIVE_INFINITY) {
    problems.push('deferrals are counted by address, and none is known at this stage');
  }
  return behaviour;
}

function withoutOf(without: unknown, problems: string[]): ReadonlySet<Extension> {
  const names: unknown[] = Array.isArray(without)
    ? without
    : without === undefined || without === null
      ? []
      : [without];
  const known = names.filter((name): name is Extension => EXTENSIONS.includes(name as Extension));
  if (known.length < names.length) problems.push(`without is a list of ${EXTENSIONS.join(', ')}`);
  return new Set(known);
}

function untilOf(until: unknown, problems: string[]): Millis {
  if (until === undefined || until === null) return Number.POSITIVE_INFINITY;
  const millis = typeof until === 'string' ? Date.parse(until) : until;
  if (typeof millis === 'number' && Number.isFinite(millis)) return millis;
  problems.push('until is a time: milliseconds since the epoch, or ISO 8601');
  return 0;
}

const invalid = (problems: readonly string[]): PostlaneError => new PostlaneError('CONFIG_INVALID', { problems });

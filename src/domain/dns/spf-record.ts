import { type Octets, parseAddress } from './ip.ts';

export const SPF_QUALIFIERS = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' } as const;
export type SpfQualifier = (typeof SPF_QUALIFIERS)[keyof typeof SPF_QUALIFIERS];

const MECHANISMS = ['all', 'include', 'a', 'mx', 'ptr', 'ip4', 'ip6', 'exists'] as const;

/** A mechanism of an SPF record (RFC 7208 section 5). */
export interface SpfMechanism {
  readonly name: (typeof MECHANISMS)[number];
  readonly qualifier: SpfQualifier;
  /** As it is written, macros unexpanded; null: the domain itself. */
  readonly domain: string | null;
  /** Of ip4 and ip6. */
  readonly network: Octets | null;
  readonly bits4: number;
  readonly bits6: number;
  readonly text: string;
}

export interface SpfRecord {
  readonly mechanisms: readonly SpfMechanism[];
  /** Where to look on when nothing matches; macros unexpanded. */
  readonly redirect: string | null;
  /** Terms that are none: with any of them the record is void for every receiver. */
  readonly badTerms: readonly string[];
}

/** Whether a TXT record is meant to be SPF (RFC 7208 section 4.5). */
export const isSpf = (text: string): boolean => /^v=spf1(?: |$)/i.test(text);

const MACRO = '%(?:%|_|-|\\{[slodiphcrtvSLODIPHCRTV][0-9]*r?[-.+,/_=]*\\})';
/** Printable text in which every % begins a macro. */
const MACRO_STRING = new RegExp(`^(?:[\\x21-\\x24\\x26-\\x7e]|${MACRO})+$`);
/** A domain-spec ends with a top label or a macro (RFC 7208 section 7.1). */
const DOMAIN_END = /(?:\.[A-Za-z0-9-]*[A-Za-z-][A-Za-z0-9-]*\.?|%\{[^}]*\})$/;
const isDomainSpec = (text: string): boolean => MACRO_STRING.test(text) && DOMAIN_END.test(text);

/** Reads an SPF record; what is wrong with it is in `badTerms`. */
export function parseSpf(text: string): SpfRecord {
  const mechanisms: SpfMechanism[] = [];
  const badTerms: string[] = [];
  const modifiers = new Map<string, string>();
  for (const term of text.slice('v=spf1'.length).split(' ')) {
    if (term === '') continue;
    const [, modifier, value = ''] = /^([A-Za-z][A-Za-z0-9._-]*)=(.*)$/s.exec(term) ?? [];
    if (modifier === undefined) {
      const mechanism = mechanismOf(term);
      if (mechanism) mechanisms.push(mechanism);
      else badTerms.push(term);
      continue;
    }
    const name = modifier.toLowerCase();
    const isOurs = name === 'redirect' || name === 'exp';
    if (isOurs && (modifiers.has(name) || !isDomainSpec(value))) badTerms.push(term);
    else if (!isOurs && value !== '' && !MACRO_STRING.test(value)) badTerms.push(term);
    else modifiers.set(name, value);
  }
  return { mechanisms, redirect: modifiers.get('redirect') ?? null, badTerms };
}

const TERM = /^([-+~?]?)([A-Za-z0-9]+)(?::([^/]*|.*?))?((?:\/[0-9]{1,2})?(?:\/\/[0-9]{1,3})?)$/s;

function mechanismOf(term: string): SpfMechanism | null {
  const qualifier = SPF_QUALIFIERS[(/^[-+~?]/.exec(term)?.[0] ?? '+') as keyof typeof SPF_QUALIFIERS];
  const [, , word = '', argument, length = ''] = TERM.exec(term) ?? [];
  const name = word.toLowerCase() as SpfMechanism['name'];
  if (!MECHANISMS.includes(name)) return null;
  const base = { name, qualifier, domain: null, network: null, bits4: 32, bits6: 128, text: term };
  if (name === 'all') return argument === undefined && length === '' ? base : null;
  if (name === 'ip4' || name === 'ip6') return networkOf(base, argument ?? '', length);
  if (argument !== undefined && !isDomainSpec(argument)) return null;
  if ((name === 'include' || name === 'exists') && argument === undefined) return null;
  if (name !== 'a' && name !== 'mx') return length === '' ? { ...base, domain: argument ?? null } : null;
  const [, four = '32', six = '128'] = /^(?:\/([0-9]+))?(?:\/\/([0-9]+))?$/.exec(length) ?? [];
  const bits4 = Number(four);
  const bits6 = Number(six);
  return bits4 <= 32 && bits6 <= 128 ? { ...base, domain: argument ?? null, bits4, bits6 } : null;
}

function networkOf(base: SpfMechanism, text: string, length: string): SpfMechanism | null {
  const isFour = base.name === 'ip4';
  const network = text.includes(':') === isFour ? null : parseAddress(text);
  const max = isFour ? 32 : 128;
  const bits = length === '' ? max : /^\/[0-9]+$/.test(length) ? Number(length.slice(1)) : Number.NaN;
  if (network === null || network.length !== max / 8 || !(bits <= max)) return null;
  return isFour ? { ...base, network, bits4: bits } : { ...base, network, bits6: bits };
}

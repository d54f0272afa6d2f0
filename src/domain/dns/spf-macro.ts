import { type Octets, reversedLabels } from './ip.ts';

/** What the macros of an SPF record stand for (RFC 7208 section 7). */
export interface SpfIdentity {
  readonly address: Octets;
  readonly helo: string;
  /** Local part and domain of the envelope sender. */
  readonly local: string;
  readonly domain: string;
}

const MACRO = /%(%|_|-|\{([a-zA-Z])([0-9]*)(r?)([-.+,/_=]*)\})/g;
const NAME_LENGTH_MAX = 253;

/** Expands a domain-spec for `current`, the domain whose record it stands in. */
export function expandMacros(text: string, current: string, identity: SpfIdentity): string {
  const expanded = text.replace(
    MACRO,
    (_, whole: string, letter?: string, digits?: string, reverse?: string, delimiters?: string) => {
      if (whole === '%') return '%';
      if (whole === '_') return ' ';
      if (whole === '-') return '%20';
      const value = macroValue((letter as string).toLowerCase(), current, identity);
      let parts = value.split(delimiters ? new RegExp(`[${delimiters.replace(/[-/]/g, '\\$&')}]`) : '.');
      if (reverse) parts = parts.reverse();
      const kept = digits ? Number(digits) : 0;
      return (kept > 0 ? parts.slice(-kept) : parts).join('.');
    },
  );
  const name = expanded.replace(/\.$/, '').toLowerCase();
  // Too long a name loses labels on the left (RFC 7208 section 7.3).
  return name.length <= NAME_LENGTH_MAX ? name : name.slice(name.indexOf('.', name.length - NAME_LENGTH_MAX - 1) + 1);
}

function macroValue(letter: string, current: string, { address, helo, local, domain }: SpfIdentity): string {
  switch (letter) {
    case 's':
      return `${local}@${domain}`;
    case 'l':
      return local;
    case 'o':
      return domain;
    case 'd':
      return current;
    case 'i':
      return address.length === 4 ? address.join('.') : reversedLabels(address).split('.').reverse().join('.');
    case 'v':
      return address.length === 4 ? 'in-addr' : 'ip6';
    case 'h':
      return helo;
    default:
      return 'unknown'; // p needs a look-up that nobody should make (RFC 7208 section 5.5)
  }
}

import { formatAddress, inNetwork, parseAddress } from './ip.ts';
import { type Answer, type Asking, addressesOf, mxOf, valuesOf } from './lookup.ts';
import { expandMacros, type SpfIdentity } from './spf-macro.ts';
import { isSpf, parseSpf, type SpfMechanism, type SpfQualifier } from './spf-record.ts';

/** RFC 7208 section 4.6.4: terms that cause look-ups, per check. */
export const SPF_LOOKUPS_MAX = 10;
/** The same section: look-ups that find nothing. */
export const SPF_VOID_LOOKUPS_MAX = 2;
/** The same section: hosts of one `mx`, names of one `ptr`. */
const NAMES_MAX = 10;

export type SpfResult = SpfQualifier | 'none' | 'permerror' | 'temperror';

export interface SpfVerdict {
  readonly result: SpfResult;
  /** The term that decided, or what is wrong. */
  readonly why: string;
}

interface Counts {
  lookups: number;
  voids: number;
}

/** Ends the evaluation from wherever it is. */
class Ended {
  readonly verdict: SpfVerdict;
  constructor(result: SpfResult, why: string) {
    this.verdict = { result, why };
  }
}

/** What a receiver makes of a mail from `identity` whose envelope sender is at `domain`: check_host() of RFC 7208 section 4. */
export function* evaluateSpf(domain: string, identity: SpfIdentity): Asking<SpfVerdict> {
  try {
    return yield* checkHost(domain, identity, { lookups: 0, voids: 0 });
  } catch (error) {
    if (error instanceof Ended) return error.verdict;
    throw error;
  }
}

function* checkHost(domain: string, identity: SpfIdentity, counts: Counts): Asking<SpfVerdict> {
  const answer = yield { type: 'TXT', name: domain };
  if (answer.kind === 'failed') throw new Ended('temperror', `${domain} could not be asked`);
  const records = valuesOf(answer).filter(isSpf);
  if (records.length === 0) return { result: 'none', why: `${domain} has no SPF record` };
  if (records.length > 1) throw new Ended('permerror', `${domain} has ${records.length} SPF records`);
  const record = parseSpf(records[0] as string);
  if (record.badTerms.length > 0) throw new Ended('permerror', `${domain}: ${record.badTerms[0]} is no term of SPF`);
  for (const mechanism of record.mechanisms) {
    if (yield* matches(mechanism, domain, identity, counts)) {
      return { result: mechanism.qualifier, why: `${mechanism.text} of ${domain}` };
    }
  }
  if (record.redirect === null) return { result: 'neutral', why: `nothing in the record of ${domain} matches` };
  count(counts, `redirect=${record.redirect}`);
  const target = expandMacros(record.redirect, domain, identity);
  const found = yield* checkHost(target, identity, counts);
  if (found.result === 'none') throw new Ended('permerror', found.why);
  return found;
}

function* matches(mechanism: SpfMechanism, domain: string, identity: SpfIdentity, counts: Counts): Asking<boolean> {
  const { name, network, bits4, bits6, text } = mechanism;
  const { address } = identity;
  const bits = address.length === 4 ? bits4 : bits6;
  if (name === 'all') return true;
  if (network !== null) return inNetwork(address, network, bits);
  count(counts, text);
  const target = mechanism.domain === null ? domain : expandMacros(mechanism.domain, domain, identity);
  switch (name) {
    case 'include': {
      const found = yield* checkHost(target, identity, counts);
      if (found.result === 'none') throw new Ended('permerror', found.why);
      return found.result === 'pass';
    }
    case 'exists':
      return heard(counts, yield { type: 'A', name: target }, target).length > 0;
    case 'mx': {
      const hosts = mxOf(yield { type: 'MX', name: target });
      if (hosts.length === 0) countVoid(counts, target);
      if (hosts.length > NAMES_MAX) throw new Ended('permerror', `${target} has more than ${NAMES_MAX} MX records`);
      for (const { host } of hosts) {
        if (host !== '' && (yield* holds(host, address, bits, null))) return true;
      }
      return false;
    }
    case 'ptr':
      return yield* confirmedUnder(target, identity);
    default:
      return yield* holds(target, address, bits, counts);
  }
}

/** Whether `address` is in the networks of the host's addresses. `counts`: of whom an empty answer is a void look-up. */
function* holds(host: string, address: SpfIdentity['address'], bits: number, counts: Counts | null): Asking<boolean> {
  const answer = yield { type: address.length === 4 ? 'A' : 'AAAA', name: host };
  const found = counts ? heard(counts, answer, host) : valuesOf(answer);
  return found.some((text) => {
    const network = parseAddress(text);
    return network !== null && inNetwork(address, network, bits);
  });
}

function* confirmedUnder(target: string, { address }: SpfIdentity): Asking<boolean> {
  const names = valuesOf(yield { type: 'PTR', name: formatAddress(address) }).slice(0, NAMES_MAX);
  for (const name of names) {
    const host = name.toLowerCase();
    if (host !== target && !host.endsWith(`.${target}`)) continue;
    const confirmed = (yield* addressesOf(host)) ?? [];
    if (confirmed.some((text) => parseAddress(text)?.join() === address.join())) return true;
  }
  return false;
}

function count(counts: Counts, term: string): void {
  counts.lookups += 1;
  if (counts.lookups > SPF_LOOKUPS_MAX) {
    throw new Ended('permerror', `${term} is look-up number ${counts.lookups}; ${SPF_LOOKUPS_MAX} are allowed`);
  }
}

function heard(counts: Counts, answer: Answer, name: string): readonly string[] {
  if (answer.kind === 'failed') throw new Ended('temperror', `${name} could not be asked`);
  if (answer.kind === 'none') countVoid(counts, name);
  return valuesOf(answer);
}

function countVoid(counts: Counts, name: string): void {
  counts.voids += 1;
  if (counts.voids > SPF_VOID_LOOKUPS_MAX) {
    throw new Ended('permerror', `${name} is void look-up number ${counts.voids}; ${SPF_VOID_LOOKUPS_MAX} are allowed`);
  }
}

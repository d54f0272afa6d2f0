import type { OutgoingAddress } from './check-spf.ts';
import { type Finding, finding } from './finding.ts';
import { parseAddress, reversedLabels, reverseName, sameAddress } from './ip.ts';
import { type Asking, addressesOf, valuesOf } from './lookup.ts';

/** Names of one address that are looked at. */
const NAMES_MAX = 10;
const HOST_NAME = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i;

/** Whether an address is named, confirms its name, and greets with a name of its own. */
export function* checkSource({ source, address, helo }: OutgoingAddress): Asking<readonly Finding[]> {
  const octets = parseAddress(address);
  if (octets === null) return [];
  const type = octets.length === 4 ? ('A' as const) : ('AAAA' as const);
  const isName = HOST_NAME.test(helo);
  const about = `${source} (${address})`;
  const name = reverseName(octets);
  const publish = isName ? { name, type: 'PTR' as const, value: helo } : null;
  return [...(yield* pointer()), ...(yield* greeting())];

  function* pointer(): Asking<Finding[]> {
    const answer = yield { type: 'PTR', name: address };
    if (answer.kind === 'failed') return [];
    const names = valuesOf(answer).slice(0, NAMES_MAX);
    if (names.length === 0) {
      return [finding('ptr-missing', about, 'the address has no name; Gmail and others refuse such mail', publish)];
    }
    for (const host of names) {
      const found = yield* addressesOf(host.toLowerCase());
      if (found === null || found.some((candidate) => sameAddress(candidate, address))) return [];
    }
    const what = `the address is named ${names.join(', ')}, which does not lead back to it`;
    return [finding('ptr-not-confirmed', about, what, { name: names[0] as string, type, value: address })];
  }

  function* greeting(): Asking<Finding[]> {
    if (!isName) {
      const what = `it greets as "${helo}", which is no full host name: set sources.${source}.helo`;
      return [finding('helo-invalid', about, what)];
    }
    const record = { name: helo, type, value: address };
    const found = yield* addressesOf(helo.toLowerCase());
    if (found === null || found.some((candidate) => sameAddress(candidate, address))) return [];
    if (found.length === 0)
      return [finding('helo-missing', about, `it greets as ${helo}, which does not exist`, record)];
    const what = `it greets as ${helo}, which is ${found.join(', ')}`;
    return [finding('helo-elsewhere', about, what, record)];
  }
}

/** RFC 5782 section 5: every list of addresses must hold the first, and must not hold the second. */
const LISTED_FOR_TESTS = '2.0.0.127';
const NEVER_LISTED = '1.0.0.127';

/** Whether blocklists hold an address. A list that does not work proves nothing, and answers of other meaning are no listings. */
export function* checkBlocklist(zone: string, outgoing: readonly OutgoingAddress[]): Asking<readonly Finding[]> {
  const ask = function* (labels: string): Asking<readonly string[] | null> {
    const answer = yield { type: 'A', name: `${labels}.${zone}`, blocklist: true };
    return answer.kind === 'failed' ? null : valuesOf(answer);
  };
  const known = yield* ask(LISTED_FOR_TESTS);
  if (known === null) return [];
  const never = yield* ask(NEVER_LISTED);
  const refusal = known.find(isRefusal);
  if (refusal !== undefined) return [unusable(zone, refusedWith(refusal))];
  if (!known.some(isListing)) return [unusable(zone, 'it does not list what every list must (RFC 5782)')];
  if (never?.some(isListing))
    return [unusable(zone, 'it lists what no list may (RFC 5782): it is dead, or somebody lies')];
  const findings: Finding[] = [];
  for (const { source, address } of outgoing) {
    const octets = parseAddress(address);
    if (octets === null) continue;
    const values = (yield* ask(reversedLabels(octets))) ?? [];
    const listings = values.filter(isListing);
    const error = values.find(isRefusal);
    if (listings.length > 0) {
      const what = `${zone} lists it (${listings.join(', ')}): see there why, and how to be taken off`;
      findings.push(finding('blocklist-listed', `${source} (${address})`, what));
    } else if (error !== undefined) findings.push(unusable(zone, refusedWith(error)));
  }
  return findings;
}

const unusable = (zone: string, why: string): Finding => finding('blocklist-unusable', zone, why);
const refusedWith = (value: string): string =>
  `it answers ${value}, which is no listing: the resolver is not welcome there, or asks too much; set dns.blocklist_resolver`;

/** Spamhaus answers 127.255.255.0/24 to whom it does not serve; others do likewise. */
const isRefusal = (value: string): boolean => value.startsWith('127.255.255.');
/** What is not in 127.0.0.0/8 is no answer of a list: its zone has been sold or parked. */
const isListing = (value: string): boolean => value.startsWith('127.') && !isRefusal(value) && value !== '127.0.0.1';

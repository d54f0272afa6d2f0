import { checkDkimKey, checkDkimName, type DkimExpectation, dkimName } from './check-dkim.ts';
import { checkDmarc } from './check-dmarc.ts';
import { checkReturnPath } from './check-mail-host.ts';
import { checkBlocklist, checkSource } from './check-source.ts';
import { checkSpf, type OutgoingAddress, spfRecord } from './check-spf.ts';
import { checkTransport } from './check-transport.ts';
import { type Finding, finding, txt, type ZoneRecord } from './finding.ts';
import { parseAddress, reverseName } from './ip.ts';
import type { Asking } from './lookup.ts';

/** What the DNS should say about a domain that mail comes from. */
export interface SenderExpectation {
  readonly domain: string;
  readonly returnPathDomain: string;
  /** Keys that we hold. */
  readonly keys: readonly DkimExpectation[];
  /** What the operator wants to be published; null: whatever is right. */
  readonly spf: string | null;
  readonly dmarc: string | null;
  /** Name of a key record of somebody who signs for us. */
  readonly dkim: string | null;
}

/** What belongs to no domain. */
export interface OutgoingExpectation {
  readonly outgoing: readonly OutgoingAddress[];
  /** Host that takes mail to return paths; null: not ours to say. */
  readonly inboundHost: string | null;
  readonly blocklists: readonly string[];
}

type Check = Asking<readonly Finding[]>;

/** The checks of one domain; they may run side by side. */
export function senderChecks(sender: SenderExpectation, world: OutgoingExpectation): readonly Check[] {
  const { domain, returnPathDomain, keys } = sender;
  const isOneDomain = domain === returnPathDomain;
  const checks: Check[] = [
    checkSpf({ domain: returnPathDomain, record: isOneDomain ? sender.spf : null, outgoing: world.outgoing }),
    ...keys.map((key) => checkDkimKey(domain, key)),
    checkDmarc({ domain, record: sender.dmarc, returnPathDomain, signingDomains: signingDomains(sender) }),
    checkReturnPath(returnPathDomain, world.inboundHost),
    checkTransport(returnPathDomain),
  ];
  if (!isOneDomain && sender.spf !== null) checks.push(checkSpf({ domain, record: sender.spf, outgoing: [] }));
  if (sender.dkim !== null) checks.push(checkDkimName(sender.dkim));
  if (keys.length === 0 && sender.dkim === null) checks.push(unsigned(domain));
  return checks;
}

/** The checks of what mail leaves from. */
export const outgoingChecks = ({ outgoing, blocklists }: OutgoingExpectation): readonly Check[] => [
  ...outgoing.map(checkSource),
  ...blocklists.map((zone) => checkBlocklist(zone, outgoing)),
];

// biome-ignore lint/correctness/useYield: it has nothing to ask
function* unsigned(domain: string): Check {
  const what = 'its mail is not signed: make a key with postlane dkim generate, or write one into senders.domains';
  return [finding('dkim-no-key', domain, what)];
}

function signingDomains({ domain, keys, dkim }: SenderExpectation): readonly string[] {
  const [, foreign] = /\._domainkey\.(.+)$/.exec(dkim ?? '') ?? [];
  const signs = keys.some((key) => !key.waiting && key.record !== null);
  return [...(signs ? [domain] : []), ...(foreign === undefined ? [] : [foreign.toLowerCase()])];
}

export interface WantedRecord extends ZoneRecord {
  readonly why: string;
}

/** Everything that the DNS should say so that mail from the domain is believed. */
export function senderRecords(sender: SenderExpectation, world: OutgoingExpectation): readonly WantedRecord[] {
  const { domain, returnPathDomain } = sender;
  const records: WantedRecord[] = [];
  const hasSources = world.outgoing.length > 0;
  if (sender.spf !== null) {
    const own = domain === returnPathDomain ? world.outgoing : [];
    records.push({ ...txt(domain, spfRecord(sender.spf, own)), why: 'who may send for the domain (SPF)' });
  }
  if (hasSources && (sender.spf === null || domain !== returnPathDomain)) {
    const spf = spfRecord('v=spf1 ~all', world.outgoing);
    records.push({ ...txt(returnPathDomain, spf), why: 'who may send with this return path (SPF)' });
  }
  for (const { selector, record } of sender.keys) {
    if (record !== null) records.push({ ...txt(dkimName(selector, domain), record), why: 'key of signatures (DKIM)' });
  }
  const dmarc = sender.dmarc ?? 'v=DMARC1; p=none';
  records.push({ ...txt(`_dmarc.${domain}`, dmarc), why: 'what becomes of forgeries (DMARC)' });
  if (world.inboundHost !== null) {
    const value = `10 ${world.inboundHost}`;
    records.push({ name: returnPathDomain, type: 'MX', value, why: 'where bounces go' });
  }
  return records;
}

/** The names of what mail leaves from. */
export function outgoingRecords({ outgoing }: OutgoingExpectation): readonly WantedRecord[] {
  return outgoing.flatMap(({ address, helo, source }) => {
    const octets = parseAddress(address);
    if (octets === null) return [];
    const type = octets.length === 4 ? ('A' as const) : ('AAAA' as const);
    return [
      { name: helo, type, value: address, why: `the name that ${source} greets with` },
      { name: reverseName(octets), type: 'PTR' as const, value: helo, why: `the name of the address of ${source}` },
    ];
  });
}

import { type DmarcMode, type DmarcRecord, isDmarc, parseDmarc, reportDomain } from './dmarc-record.ts';
import { type DmarcWalk, rulingOf, walkDmarc } from './dmarc-walk.ts';
import { type Finding, finding, txt, type ZoneRecord } from './finding.ts';
import { type Asking, addressesOf, mxOf, valuesOf } from './lookup.ts';
import { formatTags } from './tags.ts';

export interface DmarcExpectation {
  /** Domain of From. */
  readonly domain: string;
  /** What the operator wants to be there; null: any policy. */
  readonly record: string | null;
  /** Domain of the envelope sender. */
  readonly returnPathDomain: string;
  /** Domains that sign (d=). */
  readonly signingDomains: readonly string[];
}

/** The record to begin with: it asks for nothing yet. */
const BEGINNING = 'v=DMARC1; p=none';

/** Whether mail as we send it passes DMARC (RFC 9989), and whether the record and its reports are in order. */
export function* checkDmarc(expected: DmarcExpectation): Asking<readonly Finding[]> {
  const { domain } = expected;
  const name = `_dmarc.${domain}`;
  const wanted = txt(name, expected.record ?? BEGINNING);
  const own = yield { type: 'TXT', name };
  if (own.kind === 'failed') return [];
  const problem = ownProblem(name, valuesOf(own), wanted);
  if (problem !== null) return [problem];
  const walk = yield* walkDmarc(domain);
  if (walk.failed) return [];
  const ruling = rulingOf(domain, walk);
  if (ruling === null) {
    const what = 'there is no DMARC record; Gmail, Yahoo and Outlook ask bulk senders for one';
    return [finding('dmarc-missing', name, what, wanted)];
  }
  const { record } = ruling;
  const place = `_dmarc.${ruling.domain}`;
  const findings = [
    ...(yield* alignment(expected, walk, record, place)),
    ...policyFindings(ruling.domain === domain, record, place),
    ...(yield* reports(record, ruling.domain, place)),
  ];
  if (expected.record !== null) findings.push(...differences(name, record, expected.record));
  return findings;
}

/** What is wrong with the records at the domain itself: a void one is passed over, and nobody notices. */
function ownProblem(name: string, values: readonly string[], wanted: ZoneRecord): Finding | null {
  const records = values.filter(isDmarc);
  if (records.length > 1) {
    const what = `there are ${records.length} DMARC records, so that none of them counts`;
    return finding('dmarc-several', name, what, txt(name, records[0] as string));
  }
  const [text] = records;
  const almost = values.find((value) => /dmarc/i.test(value));
  if (text === undefined) {
    if (almost === undefined) return null;
    return finding('dmarc-syntax', name, 'the record does not begin with v=DMARC1, so it is none', wanted);
  }
  const parsed = parseDmarc(text);
  return typeof parsed === 'string' ? finding('dmarc-syntax', name, `the record is void: ${parsed}`, wanted) : null;
}

function* alignment(
  { domain, returnPathDomain, signingDomains }: DmarcExpectation,
  walk: DmarcWalk,
  record: DmarcRecord,
  place: string,
): Asking<Finding[]> {
  const isAligned = function* (candidate: string, mode: DmarcMode): Asking<boolean> {
    if (candidate === domain) return true;
    if (mode === 'strict') return false;
    const other = yield* walkDmarc(candidate);
    return other.failed || other.organizational === walk.organizational;
  };
  const bySpf = yield* isAligned(returnPathDomain, record.spf);
  let byDkim = false;
  for (const signing of signingDomains) byDkim ||= yield* isAligned(signing, record.dkim);
  if (bySpf && (byDkim || signingDomains.length === 0)) return [];
  const relaxed = new Map(record.tags);
  relaxed.delete('aspf');
  const publish = record.spf === 'strict' ? txt(place, formatTags(relaxed)) : null;
  const spfOnly = `the return path is at ${returnPathDomain}, which is not aligned with ${domain} (aspf ${record.spf})`;
  if (byDkim) {
    return [finding('dmarc-spf-not-aligned', place, `${spfOnly}: DMARC hangs on the signature alone`, publish)];
  }
  if (bySpf) return [];
  const what = `${spfOnly}, and no aligned signature is made: all mail from the domain fails DMARC`;
  return [finding('dmarc-not-aligned', domain, what, publish)];
}

function policyFindings(isOwn: boolean, record: DmarcRecord, place: string): Finding[] {
  const findings: Finding[] = [];
  const change = (changes: Readonly<Record<string, string | null>>): ZoneRecord => {
    const tags = new Map(record.tags);
    for (const [tag, value] of Object.entries(changes)) {
      if (value === null) tags.delete(tag);
      else tags.set(tag, value);
    }
    return txt(place, formatTags(tags));
  };
  const policy = isOwn ? record.policy : (record.subdomainPolicy ?? record.policy);
  if (policy === 'none') {
    const tag = !isOwn && record.subdomainPolicy !== null ? 'sp' : 'p';
    const what = `${tag}=none: forged mail is delivered. Raise it once the reports show that all of yours passes`;
    findings.push(finding('dmarc-policy-none', place, what, change({ [tag]: 'quarantine' })));
  }
  if (record.testing) {
    const what = 't=y: receivers apply a weaker policy than the one that is written';
    findings.push(finding('dmarc-testing', place, what, change({ t: null })));
  }
  if (record.removed.length > 0) {
    const what = `${record.removed.join(', ')} mean nothing any more (RFC 9989)`;
    const changes = Object.fromEntries(record.removed.map((tag) => [tag, null]));
    findings.push(finding('dmarc-removed-tag', place, what, change(changes)));
  }
  return findings;
}

/** Whether the addresses of reports exist, and want them (RFC 9990 section 4). */
function* reports(record: DmarcRecord, owner: string, place: string): Asking<Finding[]> {
  const findings: Finding[] = [];
  const home = yield* walkDmarc(owner);
  const domains = new Map<string, string>();
  for (const uri of [...record.aggregateReports, ...record.failureReports]) {
    const domain = reportDomain(uri);
    if (domain === null) {
      findings.push(
        finding('dmarc-report-invalid', place, `${uri.slice(0, 100)} is no address for reports (mailto:…)`),
      );
    } else domains.set(domain, uri);
  }
  for (const [domain, uri] of domains) {
    const mx = yield { type: 'MX', name: domain };
    const takesNone = mxOf(mx).some(({ host }) => host === '');
    const noHost = mx.kind === 'none' && (yield* addressesOf(domain))?.length === 0;
    if (takesNone || noHost) {
      findings.push(finding('dmarc-report-unreachable', place, `${uri}: ${domain} takes no mail`));
      continue;
    }
    const walk = yield* walkDmarc(domain);
    if (home.failed || walk.failed || walk.organizational === home.organizational || domain === owner) continue;
    const name = `${owner}._report._dmarc.${domain}`;
    const answer = yield { type: 'TXT', name };
    if (answer.kind === 'failed' || valuesOf(answer).some(isDmarc)) continue;
    const what = `${uri}: ${domain} does not say that it wants reports about ${owner}, so none are sent`;
    findings.push(finding('dmarc-report-not-authorised', place, what, txt(name, 'v=DMARC1')));
  }
  return findings;
}

function differences(name: string, record: DmarcRecord, wanted: string): readonly Finding[] {
  const parsed = parseDmarc(wanted);
  if (typeof parsed === 'string') return [];
  const missing = [...parsed.tags].filter(([tag, value]) => record.tags.get(tag) !== value);
  if (missing.length === 0) return [];
  const what = `the record lacks what the configuration says: ${formatTags(missing)}`;
  return [finding('dmarc-differs', name, what, txt(name, wanted))];
}

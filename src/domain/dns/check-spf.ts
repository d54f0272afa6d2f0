import { type Finding, finding, txt } from './finding.ts';
import { parseAddress } from './ip.ts';
import { type Asking, valuesOf } from './lookup.ts';
import { evaluateSpf, SPF_LOOKUPS_MAX, SPF_VOID_LOOKUPS_MAX } from './spf-evaluate.ts';
import { isSpf, parseSpf } from './spf-record.ts';
import { type SpfSurvey, surveySpf } from './spf-survey.ts';

/** An address that our mail leaves from, as the Internet sees it. */
export interface OutgoingAddress {
  /** Name of the source, for the findings. */
  readonly source: string;
  readonly address: string;
  readonly helo: string;
}

export interface SpfExpectation {
  /** Domain of the envelope sender. */
  readonly domain: string;
  /** What the operator wants to be there; null: whatever lets our sources through. */
  readonly record: string | null;
  readonly outgoing: readonly OutgoingAddress[];
}

/** Whether the SPF record of a domain is right (RFC 7208), and lets our own sources through. */
export function* checkSpf(expected: SpfExpectation): Asking<readonly Finding[]> {
  const { domain } = expected;
  const answer = yield { type: 'TXT', name: domain };
  if (answer.kind === 'failed') return [];
  const records = valuesOf(answer).filter(isSpf);
  const [text] = records;
  const fresh = txt(domain, spfRecord(expected.record ?? 'v=spf1 ~all', expected.outgoing));
  if (text === undefined) return [finding('spf-missing', domain, `${domain} has no SPF record`, fresh)];
  if (records.length > 1) {
    const what = `${domain} has ${records.length} SPF records, so that none of them counts`;
    return [finding('spf-several', domain, what, txt(domain, merged(records, expected)))];
  }
  const record = parseSpf(text);
  if (record.badTerms.length > 0) {
    const what = `"${record.badTerms[0]}" is no term of SPF, so the whole record is void`;
    return [finding('spf-syntax', domain, what, txt(domain, spfRecord(text, expected.outgoing, record.badTerms)))];
  }
  const survey = yield* surveySpf(domain, text);
  const findings = [...surveyed(domain, text, survey, expected), ...endOf(domain, text, expected)];
  if (!findings.some(({ severity }) => severity === 'error')) findings.push(...(yield* coverage(text, expected)));
  if (expected.record !== null && findings.length === 0) findings.push(...differences(domain, text, expected.record));
  return findings;
}

function surveyed(domain: string, text: string, survey: SpfSurvey, expected: SpfExpectation): Finding[] {
  const findings: Finding[] = [];
  const without = (terms: readonly string[]) => txt(domain, spfRecord(text, expected.outgoing, terms));
  const own = txt(domain, spfRecord(expected.record ?? 'v=spf1 ~all', expected.outgoing));
  if (survey.loop !== null) {
    const leading = termsTo(text, survey.loop);
    const what = `the record leads back to ${survey.loop}, so that every check of it fails`;
    findings.push(finding('spf-loop', domain, what, leading.length > 0 ? without(leading) : own));
  }
  for (const { term, why } of survey.broken) {
    findings.push(finding('spf-include-missing', domain, `${term} fails every check: ${why}`, without([term])));
  }
  if (survey.lookups > SPF_LOOKUPS_MAX) {
    const what = `the record needs ${survey.lookups} look-ups; after ${SPF_LOOKUPS_MAX} receivers give up (RFC 7208 section 4.6.4)`;
    findings.push(finding('spf-too-many-lookups', domain, what, own));
  }
  if (survey.voids.length > SPF_VOID_LOOKUPS_MAX) {
    const what = `${survey.voids.length} look-ups find nothing (${survey.voids.join(', ').slice(0, 200)}); after ${SPF_VOID_LOOKUPS_MAX} receivers give up`;
    findings.push(
      finding('spf-too-many-void-lookups', domain, what, without(survey.voids.flatMap((name) => termsTo(text, name)))),
    );
  }
  const ptr = parseSpf(text).mechanisms.filter(({ name }) => name === 'ptr');
  if (ptr.length > 0) {
    const what = 'ptr is not to be used, and large receivers skip it (RFC 7208 section 5.5)';
    findings.push(finding('spf-uses-ptr', domain, what, without(ptr.map((mechanism) => mechanism.text))));
  }
  return findings;
}

const termsTo = (text: string, name: string): readonly string[] =>
  text.split(' ').filter(
    (term) =>
      term
        .toLowerCase()
        .replace(/^[-+~?]?[a-z0-9]+[:=]/, '')
        .replace(/[/].*$/, '') === name,
  );

/** What the record says about everybody else. */
function endOf(domain: string, text: string, expected: SpfExpectation): Finding[] {
  const { mechanisms, redirect } = parseSpf(text);
  const all = mechanisms.find(({ name }) => name === 'all');
  const closed = txt(domain, spfRecord(`${withoutEnd(text)} ~all`, expected.outgoing));
  if (all?.qualifier === 'pass' || mechanisms.some(({ network, bits4, bits6 }) => network && bits4 * bits6 === 0)) {
    return [finding('spf-allows-everyone', domain, 'the record lets anybody send in the name of the domain', closed)];
  }
  if (all === undefined ? redirect !== null : all.qualifier !== 'neutral') return [];
  const what = all ? 'ends with ?all' : 'has no all at its end';
  return [finding('spf-open-end', domain, `the record ${what}, so that it says nothing about forgeries`, closed)];
}

const withoutEnd = (text: string): string =>
  text
    .split(' ')
    .filter((term) => term !== '' && !/^[-+~?]?all$/i.test(term) && !/^[-+~?]?ip[46]:.*\/0$/i.test(term))
    .join(' ');

function* coverage(text: string, { domain, outgoing }: SpfExpectation): Asking<readonly Finding[]> {
  const open: OutgoingAddress[] = [];
  const why: string[] = [];
  for (const source of outgoing) {
    const address = parseAddress(source.address);
    if (address === null) continue;
    const verdict = yield* evaluateSpf(domain, { address, helo: source.helo, local: 'bounce', domain });
    if (verdict.result === 'pass' || verdict.result === 'temperror') continue;
    open.push(source);
    why.push(`${source.source} (${source.address}): ${verdict.result}, by ${verdict.why}`);
  }
  if (open.length === 0) return [];
  const what = `the record does not let our own mail through: ${why.join('; ')}`;
  return [finding('spf-source-not-covered', domain, what, txt(domain, spfRecord(text, open)))];
}

function differences(domain: string, text: string, wanted: string): readonly Finding[] {
  const terms = (record: string) =>
    new Set(
      record
        .toLowerCase()
        .split(' ')
        .filter((term) => term !== ''),
    );
  const missing = [...terms(wanted)].filter((term) => !terms(text).has(term));
  if (missing.length === 0) return [];
  const what = `the record lacks what the configuration says: ${missing.join(' ')}`;
  return [finding('spf-differs', domain, what, txt(domain, wanted))];
}

/** The terms of all records, each once; the `all` of the first that has one. */
function merged(records: readonly string[], { outgoing }: SpfExpectation): string {
  const end = records.flatMap((text) => parseSpf(text).mechanisms).find(({ name }) => name === 'all');
  const terms = new Set(records.flatMap((text) => withoutEnd(text).split(' ').slice(1)));
  return spfRecord(['v=spf1', ...terms, end?.text ?? '~all'].join(' '), outgoing);
}

/** A record with the addresses of the sources that it does not name, and without the terms that are to go. */
export function spfRecord(text: string, outgoing: readonly OutgoingAddress[], without: readonly string[] = []): string {
  const [version = 'v=spf1', ...terms] = text.split(' ').filter((term) => term !== '' && !without.includes(term));
  const wanted = outgoing.map(({ address }) => `${address.includes(':') ? 'ip6' : 'ip4'}:${address}`);
  const missing = [...new Set(wanted)].filter((term) => !terms.includes(term));
  const ends = terms.some((term) => /^[-+~?]?all$/i.test(term) || /^redirect=/i.test(term));
  return [version, ...missing, ...terms, ...(ends ? [] : ['~all'])].join(' ');
}

import { type Finding, finding, txt } from './finding.ts';
import { type Asking, addressesOf, mxOf, valuesOf } from './lookup.ts';
import { parseTags } from './tags.ts';

const ID = /^[A-Za-z0-9]{1,32}$/;
/** RFC 8461 section 3.2. */
const AGE_SECONDS_MAX = 31_557_600;

/** MTA-STS (RFC 8461) and TLS-RPT (RFC 8460) of a domain that announces them; what is not announced is not asked for. */
export function* checkTransport(domain: string): Asking<readonly Finding[]> {
  return [...(yield* checkMtaSts(domain)), ...(yield* checkTlsReports(domain))];
}

function* checkMtaSts(domain: string): Asking<readonly Finding[]> {
  const name = `_mta-sts.${domain}`;
  const records = valuesOf(yield { type: 'TXT', name }).filter((text) => /^v\s*=\s*STSv1\b/i.test(text));
  const [text] = records;
  if (text === undefined) return [];
  if (records.length > 1) {
    return [finding('mta-sts-several', name, 'there are several records, so that none counts', txt(name, text))];
  }
  const tags = parseTags(text);
  const id = typeof tags === 'string' ? undefined : tags.get('id');
  if (typeof tags === 'string' || tags.get('v') !== 'STSv1' || !ID.test(id ?? '')) {
    const fresh = txt(name, `v=STSv1; id=${(id ?? '').replace(/[^A-Za-z0-9]/g, '').slice(0, 32) || '1'}`);
    return [
      finding('mta-sts-syntax', name, 'the record is void: v=STSv1 and an id of letters and digits are needed', fresh),
    ];
  }
  return yield* checkPolicy(domain);
}

function* checkPolicy(domain: string): Asking<readonly Finding[]> {
  const host = `mta-sts.${domain}`;
  const found = yield* addressesOf(host);
  if (found === null) return [];
  if (found.length === 0)
    return [finding('mta-sts-policy-missing', host, 'a policy is announced, and its host does not exist')];
  const answer = yield { type: 'POLICY', name: domain };
  const [text] = valuesOf(answer);
  if (text === undefined) {
    return [finding('mta-sts-policy-missing', host, 'a policy is announced, and https does not give it')];
  }
  const policy = parsePolicy(text);
  if (typeof policy === 'string') return [finding('mta-sts-policy-invalid', host, `the policy is void: ${policy}`)];
  if (policy.mode === 'none') return [];
  const hosts = mxOf(yield { type: 'MX', name: domain }).map((record) => record.host);
  const open = hosts.filter((mx) => mx !== '' && !policy.mx.some((pattern) => covers(pattern, mx)));
  if (open.length === 0) return [];
  const what = `the policy does not name ${open.join(', ')}: senders that obey it do not deliver there`;
  return [finding('mta-sts-mx-not-covered', host, what)];
}

interface StsPolicy {
  readonly mode: string;
  readonly mx: readonly string[];
}

/** Reads the file of a policy; a text where it is void says what is wrong. */
export function parsePolicy(text: string): StsPolicy | string {
  const fields = text
    .split(/\r?\n/)
    .map((line) => /^\s*([A-Za-z0-9_.-]+)\s*:\s*(.*?)\s*$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name = '', value = '']) => ({ name, value }));
  const value = (name: string) => fields.find((field) => field.name === name)?.value;
  const mode = value('mode') ?? '';
  const age = Number(value('max_age') ?? Number.NaN);
  const mx = fields.filter(({ name }) => name === 'mx').map((field) => field.value.toLowerCase());
  if (value('version') !== 'STSv1') return 'version is not STSv1';
  if (!['enforce', 'testing', 'none'].includes(mode)) return 'mode is none of enforce, testing, none';
  if (!Number.isInteger(age) || age < 0 || age > AGE_SECONDS_MAX) return 'max_age is no number of seconds up to a year';
  if (mx.length === 0 && mode !== 'none') return 'it names no mx';
  return { mode, mx };
}

const covers = (pattern: string, host: string): boolean =>
  pattern.startsWith('*.') ? host.slice(host.indexOf('.') + 1) === pattern.slice(2) : host === pattern;

function* checkTlsReports(domain: string): Asking<readonly Finding[]> {
  const name = `_smtp._tls.${domain}`;
  const records = valuesOf(yield { type: 'TXT', name }).filter((text) => /^v\s*=\s*TLSRPTv1\b/i.test(text));
  const [text] = records;
  if (text === undefined) return [];
  if (records.length > 1) {
    return [finding('tls-rpt-several', name, 'there are several records, so that none counts', txt(name, text))];
  }
  const tags = parseTags(text);
  const uris = typeof tags === 'string' ? [] : (tags.get('rua') ?? '').split(',').map((uri) => uri.trim());
  const isRight =
    typeof tags !== 'string' &&
    tags.get('v') === 'TLSRPTv1' &&
    uris.length > 0 &&
    uris.every((uri) => /^(?:mailto:.+@.+|https:\/\/.+)$/.test(uri));
  if (isRight) return [];
  const what = 'the record is void: it needs v=TLSRPTv1 and addresses (mailto: or https:) in rua';
  return [finding('tls-rpt-syntax', name, what, txt(name, `v=TLSRPTv1; rua=mailto:postmaster@${domain}`))];
}

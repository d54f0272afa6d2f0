import { type Finding, finding, type ZoneRecord } from './finding.ts';
import { parseAddress } from './ip.ts';
import { type Asking, addressesOf, type MxRecord, mxOf, valuesOf } from './lookup.ts';

/** Whether bounces to a return path find their way: its MX records, and the hosts that they name (RFC 5321 section 5.1). */
export function* checkReturnPath(domain: string, ownHost: string | null): Asking<readonly Finding[]> {
  const mx = ownHost === null ? null : { name: domain, type: 'MX' as const, value: `10 ${ownHost}` };
  const answer = yield { type: 'MX', name: domain };
  if (answer.kind === 'failed') return [];
  const records = mxOf(answer);
  if (records.length === 0) {
    const found = yield* addressesOf(domain);
    if (found === null || found.length > 0) return []; // the address itself is the host then
    return [finding('mx-missing', domain, 'it has no MX record and no address: bounces are lost', mx)];
  }
  if (records.some(({ host }) => host === '')) {
    return [finding('mx-null', domain, 'it says that it takes no mail (RFC 7505): bounces are lost', mx)];
  }
  const findings: Finding[] = [];
  for (const record of records) findings.push(...(yield* checkTarget(domain, record, mx)));
  return findings;
}

function* checkTarget(
  domain: string,
  { host, preference }: MxRecord,
  mx: ZoneRecord | null,
): Asking<readonly Finding[]> {
  if (parseAddress(host) !== null) {
    return [finding('mx-target-missing', domain, `its MX record names the address ${host}; it must name a host`, mx)];
  }
  const alias = valuesOf(yield { type: 'CNAME', name: host });
  if (alias.length > 0) {
    const what = `its MX record names the alias ${host}; some senders do not follow it (RFC 2181 section 10.3)`;
    return [finding('mx-target-alias', domain, what, { name: domain, type: 'MX', value: `${preference} ${alias[0]}` })];
  }
  const found = yield* addressesOf(host);
  if (found === null || found.length > 0) return [];
  return [finding('mx-target-missing', domain, `its MX record names ${host}, which has no address`, mx)];
}

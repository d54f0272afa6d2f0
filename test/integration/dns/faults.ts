import type { FindingCode } from '../../../src/domain/dns/finding.ts';
import type { MemoryRecord } from '../../../src/testing/memory-resolver.ts';

/** The public halves of the keys of a test. */
export interface TestKeys {
  /** Record of the key that signs. */
  readonly ours: string;
  /** Record of another key. */
  readonly other: string;
  /** Record of a key of 768 bits. */
  readonly weak: string;
}

export const DOMAIN = 'shop.test';
const SPF = 'v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 include:_spf.esp.test ~all';
const DMARC = 'v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.test';

const reverse6 = `${[...'20010db8000000000000000000000010'].reverse().join('.')}.ip6.arpa`;

/** A zone in which nothing is wrong: two sources, a return path of its own, reports that go elsewhere. */
export const rightZone = ({ ours }: TestKeys): readonly MemoryRecord[] => [
  { name: DOMAIN, type: 'TXT', value: 'site-verification=abc' },
  { name: DOMAIN, type: 'TXT', value: 'v=spf1 -all' },
  { name: 'bounces.shop.test', type: 'TXT', value: SPF },
  { name: '_spf.esp.test', type: 'TXT', value: 'v=spf1 ip4:198.51.100.0/24 ~all' },
  { name: 's1._domainkey.shop.test', type: 'TXT', value: ours },
  { name: '_dmarc.shop.test', type: 'TXT', value: DMARC },
  { name: 'shop.test', type: 'MX', value: '10 mail.shop.test' },
  { name: 'bounces.shop.test', type: 'MX', value: '10 in.shop.test' },
  { name: 'in.shop.test', type: 'A', value: '192.0.2.20' },
  { name: 'mail.shop.test', type: 'A', value: '192.0.2.21' },
  { name: '10.2.0.192.in-addr.arpa', type: 'PTR', value: 'out1.shop.test' },
  { name: 'out1.shop.test', type: 'A', value: '192.0.2.10' },
  { name: reverse6, type: 'PTR', value: 'out2.shop.test' },
  { name: 'out2.shop.test', type: 'AAAA', value: '2001:db8::10' },
  { name: '_smtp._tls.bounces.shop.test', type: 'TXT', value: 'v=TLSRPTv1; rua=mailto:tls@shop.test' },
  { name: '2.0.0.127.list.test', type: 'A', value: '127.0.0.2' },
  { name: 'esp.test', type: 'A', value: '198.51.100.1' },
  { name: 'reports.test', type: 'MX', value: '10 mail.shop.test' },
];

/** One thing that is done wrong, by what name it is to be found, and the record that cures it. */
export interface Fault {
  readonly code: FindingCode;
  /** Says in words what was planted. */
  readonly planted: string;
  plant(zone: readonly MemoryRecord[], keys: TestKeys): readonly MemoryRecord[];
  /** Type, name and value of the record to publish; null: no record helps. */
  readonly cure: ((keys: TestKeys) => readonly [string, string, string]) | null;
}

const without = (zone: readonly MemoryRecord[], name: string, type: string): readonly MemoryRecord[] =>
  zone.filter((record) => record.name !== name || record.type !== type);
const put = (zone: readonly MemoryRecord[], ...records: readonly MemoryRecord[]): readonly MemoryRecord[] => [
  ...records.reduce((rest, { name, type }) => without(rest, name, type), zone),
  ...records,
];
const txt = (name: string, value: string): MemoryRecord => ({ name, type: 'TXT', value });

const BOUNCES = 'bounces.shop.test';
const KEY = 's1._domainkey.shop.test';
const POLICY = '_dmarc.shop.test';
const spf = (value: string) => (zone: readonly MemoryRecord[]) => put(zone, txt(BOUNCES, value));
const policy = (value: string) => (zone: readonly MemoryRecord[]) => put(zone, txt(POLICY, value));
const cureSpf = (value: string) => () => ['TXT', BOUNCES, value] as const;
const curePolicy = (value: string) => () => ['TXT', POLICY, value] as const;
const cureKey = ({ ours }: TestKeys) => ['TXT', KEY, ours] as const;
const OWN = 'v=spf1 ip4:192.0.2.10 ip6:2001:db8::10';

export const FAULTS: readonly Fault[] = [
  {
    code: 'spf-missing',
    planted: 'no SPF at the return path',
    plant: (zone) => without(zone, BOUNCES, 'TXT'),
    cure: cureSpf(`${OWN} ~all`),
  },
  {
    code: 'spf-several',
    planted: 'two SPF records',
    plant: (zone) => put(zone, txt(BOUNCES, SPF), txt(BOUNCES, 'v=spf1 a:mail.shop.test -all')),
    cure: cureSpf(`v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 include:_spf.esp.test a:mail.shop.test ~all`),
  },
  {
    code: 'spf-syntax',
    planted: 'a mechanism that does not exist',
    plant: spf(`${OWN} ipv4:198.51.100.1 ~all`),
    cure: cureSpf(`${OWN} ~all`),
  },
  {
    code: 'spf-too-many-lookups',
    planted: 'eleven includes',
    plant: (zone) => [
      ...put(
        zone,
        txt(BOUNCES, `${OWN} ${Array.from({ length: 11 }, (_, n) => `include:i${n}.esp.test`).join(' ')} ~all`),
      ),
      ...Array.from({ length: 11 }, (_, n) => txt(`i${n}.esp.test`, 'v=spf1 ip4:198.51.100.1 ~all')),
    ],
    cure: cureSpf(`${OWN} ~all`),
  },
  {
    code: 'spf-too-many-void-lookups',
    planted: 'three hosts that do not exist',
    plant: spf(`${OWN} a:x1.shop.test a:x2.shop.test a:x3.shop.test ~all`),
    cure: cureSpf(`${OWN} ~all`),
  },
  {
    code: 'spf-include-missing',
    planted: 'an include of a domain without SPF',
    plant: spf(`${OWN} include:esp.test ~all`),
    cure: cureSpf(`${OWN} ~all`),
  },
  {
    code: 'spf-loop',
    planted: 'an include that includes the domain itself',
    plant: (zone) => put(zone, txt('_spf.esp.test', `v=spf1 include:${BOUNCES} ~all`)),
    cure: cureSpf(`${OWN} ~all`),
  },
  {
    code: 'spf-source-not-covered',
    planted: 'the second source is not named',
    plant: spf('v=spf1 ip4:192.0.2.10 -all'),
    cure: cureSpf('v=spf1 ip6:2001:db8::10 ip4:192.0.2.10 -all'),
  },
  {
    code: 'spf-allows-everyone',
    planted: '+all',
    plant: spf(`${OWN} +all`),
    cure: cureSpf(`${OWN} ~all`),
  },
  { code: 'spf-uses-ptr', planted: 'ptr', plant: spf(`${OWN} ptr ~all`), cure: cureSpf(`${OWN} ~all`) },
  { code: 'spf-open-end', planted: 'no all', plant: spf(OWN), cure: cureSpf(`${OWN} ~all`) },
  { code: 'dkim-missing', planted: 'no key record', plant: (zone) => without(zone, KEY, 'TXT'), cure: cureKey },
  {
    code: 'dkim-wrong-key',
    planted: 'the record of another key',
    plant: (zone, { other }) => put(zone, txt(KEY, other)),
    cure: cureKey,
  },
  {
    code: 'dkim-syntax',
    planted: 'a key that was cut off',
    plant: (zone, { ours }) => put(zone, txt(KEY, ours.slice(0, 200))),
    cure: cureKey,
  },
  {
    code: 'dkim-revoked',
    planted: 'an empty key',
    plant: (zone) => put(zone, txt(KEY, 'v=DKIM1; k=rsa; p=')),
    cure: cureKey,
  },
  {
    code: 'dkim-weak-key',
    planted: 'a key of 768 bits',
    plant: (zone, { weak }) => put(zone, txt(KEY, weak)),
    cure: cureKey,
  },
  {
    code: 'dkim-testing',
    planted: 't=y in the key record',
    plant: (zone, { ours }) => put(zone, txt(KEY, ours.replace('k=rsa', 'k=rsa; t=y'))),
    cure: cureKey,
  },
  {
    code: 'dkim-wrong-use',
    planted: 'a key for SHA-1 only',
    plant: (zone, { ours }) => put(zone, txt(KEY, ours.replace('k=rsa', 'k=rsa; h=sha1'))),
    cure: cureKey,
  },
  {
    code: 'dkim-several',
    planted: 'two key records',
    plant: (zone, { ours, other }) => put(zone, txt(KEY, ours), txt(KEY, other)),
    cure: cureKey,
  },
  {
    code: 'dmarc-missing',
    planted: 'no DMARC record',
    plant: (zone) => without(zone, POLICY, 'TXT'),
    cure: curePolicy('v=DMARC1; p=none'),
  },
  {
    code: 'dmarc-several',
    planted: 'two DMARC records',
    plant: (zone) => put(zone, txt(POLICY, DMARC), txt(POLICY, 'v=DMARC1; p=none')),
    cure: curePolicy(DMARC),
  },
  {
    code: 'dmarc-syntax',
    planted: 'a policy that does not exist',
    plant: policy('v=DMARC1; p=quarantaine'),
    cure: curePolicy('v=DMARC1; p=none'),
  },
  {
    code: 'dmarc-policy-none',
    planted: 'p=none',
    plant: policy('v=DMARC1; p=none; rua=mailto:dmarc@shop.test'),
    cure: curePolicy('v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.test'),
  },
  {
    code: 'dmarc-testing',
    planted: 't=y in the policy',
    plant: policy('v=DMARC1; p=reject; t=y'),
    cure: curePolicy('v=DMARC1; p=reject'),
  },
  {
    code: 'dmarc-removed-tag',
    planted: 'pct, which RFC 9989 has no more',
    plant: policy('v=DMARC1; p=reject; pct=50'),
    cure: curePolicy('v=DMARC1; p=reject'),
  },
  {
    code: 'dmarc-spf-not-aligned',
    planted: 'strict alignment with a return path at a subdomain',
    plant: policy('v=DMARC1; p=reject; aspf=s'),
    cure: curePolicy('v=DMARC1; p=reject'),
  },
  {
    code: 'dmarc-report-not-authorised',
    planted: 'reports to a domain that does not want them',
    plant: policy('v=DMARC1; p=reject; rua=mailto:dmarc@reports.test'),
    cure: () => ['TXT', 'shop.test._report._dmarc.reports.test', 'v=DMARC1'],
  },
  {
    code: 'dmarc-report-unreachable',
    planted: 'reports to a domain that does not exist',
    plant: policy('v=DMARC1; p=reject; rua=mailto:dmarc@gone.test'),
    cure: null,
  },
  {
    code: 'mx-missing',
    planted: 'a return path without MX',
    plant: (zone) => without(zone, BOUNCES, 'MX'),
    cure: () => ['MX', BOUNCES, '10 in.shop.test'],
  },
  {
    code: 'mx-null',
    planted: 'a return path that takes no mail',
    plant: (zone) => put(zone, { name: BOUNCES, type: 'MX', value: '0 ' }),
    cure: () => ['MX', BOUNCES, '10 in.shop.test'],
  },
  {
    code: 'mx-target-missing',
    planted: 'an MX that does not exist',
    plant: (zone) => put(zone, { name: BOUNCES, type: 'MX', value: '10 gone.shop.test' }),
    cure: () => ['MX', BOUNCES, '10 in.shop.test'],
  },
  {
    code: 'mx-target-alias',
    planted: 'an MX that is an alias',
    plant: (zone) => [
      ...put(zone, { name: BOUNCES, type: 'MX', value: '10 alias.shop.test' }),
      { name: 'alias.shop.test', type: 'CNAME', value: 'in.shop.test' },
    ],
    cure: () => ['MX', BOUNCES, '10 in.shop.test'],
  },
  {
    code: 'ptr-missing',
    planted: 'an address without a name',
    plant: (zone) => without(zone, '10.2.0.192.in-addr.arpa', 'PTR'),
    cure: () => ['PTR', '10.2.0.192.in-addr.arpa', 'out1.shop.test'],
  },
  {
    code: 'ptr-not-confirmed',
    planted: 'a name that leads elsewhere',
    plant: (zone) => put(zone, { name: '10.2.0.192.in-addr.arpa', type: 'PTR', value: 'mail.shop.test' }),
    cure: () => ['A', 'mail.shop.test', '192.0.2.10'],
  },
  {
    code: 'helo-missing',
    planted: 'a greeting that does not exist',
    plant: (zone) => [
      ...without(
        put(zone, { name: '10.2.0.192.in-addr.arpa', type: 'PTR', value: 'named.shop.test' }),
        'out1.shop.test',
        'A',
      ),
      { name: 'named.shop.test', type: 'A', value: '192.0.2.10' },
    ],
    cure: () => ['A', 'out1.shop.test', '192.0.2.10'],
  },
  {
    code: 'helo-elsewhere',
    planted: 'a greeting that is another host',
    plant: (zone) => [
      ...put(
        zone,
        { name: '10.2.0.192.in-addr.arpa', type: 'PTR', value: 'named.shop.test' },
        { name: 'out1.shop.test', type: 'A', value: '192.0.2.99' },
      ),
      { name: 'named.shop.test', type: 'A', value: '192.0.2.10' },
    ],
    cure: () => ['A', 'out1.shop.test', '192.0.2.10'],
  },
  {
    code: 'mta-sts-syntax',
    planted: 'MTA-STS without an id',
    plant: (zone) => put(zone, txt(`_mta-sts.${BOUNCES}`, 'v=STSv1;')),
    cure: () => ['TXT', `_mta-sts.${BOUNCES}`, 'v=STSv1; id=1'],
  },
  {
    code: 'mta-sts-policy-missing',
    planted: 'MTA-STS without a policy',
    plant: (zone) => put(zone, txt(`_mta-sts.${BOUNCES}`, 'v=STSv1; id=7')),
    cure: null,
  },
  {
    code: 'tls-rpt-syntax',
    planted: 'TLS-RPT without an address',
    plant: (zone) => put(zone, txt(`_smtp._tls.${BOUNCES}`, 'v=TLSRPTv1')),
    cure: () => ['TXT', `_smtp._tls.${BOUNCES}`, 'v=TLSRPTv1; rua=mailto:postmaster@bounces.shop.test'],
  },
  {
    code: 'blocklist-listed',
    planted: 'an address on a blocklist',
    plant: (zone) => [...zone, { name: '10.2.0.192.list.test', type: 'A', value: '127.0.0.4' }],
    cure: null,
  },
  {
    code: 'blocklist-unusable',
    planted: 'a blocklist that refuses us, which is no listing',
    plant: (zone) => [
      ...put(zone, { name: '2.0.0.127.list.test', type: 'A', value: '127.255.255.254' }),
      { name: '10.2.0.192.list.test', type: 'A', value: '127.255.255.254' },
    ],
    cure: null,
  },
];

import { parseTags, type Tags } from './tags.ts';

const POLICIES = ['none', 'quarantine', 'reject'] as const;
export type DmarcPolicy = (typeof POLICIES)[number];
export type DmarcMode = 'relaxed' | 'strict';

/** A DMARC policy record (RFC 9989 section 4.7), read. */
export interface DmarcRecord {
  /** A missing p counts as none. */
  readonly policy: DmarcPolicy;
  readonly subdomainPolicy: DmarcPolicy | null;
  readonly dkim: DmarcMode;
  readonly spf: DmarcMode;
  readonly testing: boolean;
  /** Of a domain under which others register theirs (y), or that is no such domain (n). */
  readonly publicSuffix: 'y' | 'n' | 'u';
  readonly aggregateReports: readonly string[];
  readonly failureReports: readonly string[];
  /** Tags of RFC 7489 that mean nothing any more. */
  readonly removed: readonly string[];
  readonly tags: Tags;
}

export const isDmarc = (text: string): boolean => /^v\s*=\s*DMARC1\s*(?:;|$)/.test(text);

/** Reads a policy record; a text where it is void says what is wrong. */
export function parseDmarc(text: string): DmarcRecord | string {
  const tags = parseTags(text);
  if (typeof tags === 'string') return tags;
  if ([...tags][0]?.[0] !== 'v' || tags.get('v') !== 'DMARC1') return 'it must begin with v=DMARC1';
  for (const name of ['p', 'sp', 'np']) {
    const value = tags.get(name);
    if (value !== undefined && !isPolicy(value)) return `${name}=${value.slice(0, 40)} is no policy`;
  }
  for (const name of ['adkim', 'aspf']) {
    if (!['r', 's', undefined].includes(tags.get(name))) return `${name} is r or s`;
  }
  if (!['y', 'n', undefined].includes(tags.get('t'))) return 't is y or n';
  if (!['y', 'n', 'u', undefined].includes(tags.get('psd'))) return 'psd is y, n or u';
  const mode = (name: string): DmarcMode => (tags.get(name) === 's' ? 'strict' : 'relaxed');
  return {
    policy: policyOf(tags.get('p')) ?? 'none',
    subdomainPolicy: policyOf(tags.get('sp')),
    dkim: mode('adkim'),
    spf: mode('aspf'),
    testing: tags.get('t') === 'y',
    publicSuffix: (tags.get('psd') ?? 'u') as DmarcRecord['publicSuffix'],
    aggregateReports: listOf(tags.get('rua')),
    failureReports: listOf(tags.get('ruf')),
    removed: ['pct', 'rf', 'ri'].filter((name) => tags.has(name)),
    tags,
  };
}

const isPolicy = (text: string): boolean => policyOf(text) !== null;
const policyOf = (text: string | undefined): DmarcPolicy | null =>
  POLICIES.find((policy) => policy === text?.toLowerCase()) ?? null;
const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** The domain of a `mailto:` address of reports, lower case; null where it is none. */
export function reportDomain(uri: string): string | null {
  const [, domain] = /^mailto:[^@\s!,]+@([A-Za-z0-9.-]+\.[A-Za-z0-9-]+)(?:![0-9]+[kmgt]?)?$/i.exec(uri) ?? [];
  return domain?.toLowerCase() ?? null;
}

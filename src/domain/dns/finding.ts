/** `error`: mail suffers now. `warning`: it will, or could. `notice`: good to know. `unknown`: it could not be found out. */
export type Severity = 'error' | 'warning' | 'notice' | 'unknown';

/** A record of a zone. */
export interface ZoneRecord {
  readonly name: string;
  readonly type: 'TXT' | 'MX' | 'A' | 'AAAA' | 'PTR';
  /** As in `Answer`: the whole text of a TXT record, `10 host` of an MX record. */
  readonly value: string;
}

/** What every finding can be called, with how bad it is. A closed list: alerts and scripts go by these names. */
export const FINDINGS = {
  'resolver-silent': 'unknown',
  'resolver-refuses': 'unknown',
  'resolver-lies': 'unknown',
  'lookup-failed': 'unknown',
  'spf-missing': 'error',
  'spf-several': 'error',
  'spf-syntax': 'error',
  'spf-too-many-lookups': 'error',
  'spf-too-many-void-lookups': 'error',
  'spf-include-missing': 'error',
  'spf-loop': 'error',
  'spf-source-not-covered': 'error',
  'spf-allows-everyone': 'error',
  'spf-open-end': 'warning',
  'spf-uses-ptr': 'warning',
  'spf-differs': 'warning',
  'dkim-no-key': 'warning',
  'dkim-key-unreadable': 'error',
  'dkim-missing': 'error',
  'dkim-several': 'error',
  'dkim-syntax': 'error',
  'dkim-revoked': 'error',
  'dkim-wrong-key': 'error',
  'dkim-wrong-use': 'error',
  'dkim-weak-key': 'error',
  'dkim-short-key': 'warning',
  'dkim-testing': 'warning',
  'dkim-waiting': 'notice',
  'dmarc-missing': 'error',
  'dmarc-several': 'error',
  'dmarc-syntax': 'error',
  'dmarc-not-aligned': 'error',
  'dmarc-spf-not-aligned': 'warning',
  'dmarc-policy-none': 'notice',
  'dmarc-testing': 'warning',
  'dmarc-removed-tag': 'notice',
  'dmarc-differs': 'warning',
  'dmarc-report-invalid': 'warning',
  'dmarc-report-not-authorised': 'warning',
  'dmarc-report-unreachable': 'warning',
  'mx-missing': 'error',
  'mx-null': 'error',
  'mx-target-missing': 'error',
  'mx-target-alias': 'warning',
  'ptr-missing': 'error',
  'ptr-not-confirmed': 'error',
  'helo-invalid': 'error',
  'helo-missing': 'error',
  'helo-elsewhere': 'error',
  'mta-sts-syntax': 'error',
  'mta-sts-several': 'error',
  'mta-sts-policy-missing': 'error',
  'mta-sts-policy-invalid': 'error',
  'mta-sts-mx-not-covered': 'error',
  'tls-rpt-syntax': 'warning',
  'tls-rpt-several': 'warning',
  'blocklist-listed': 'error',
  'blocklist-unusable': 'unknown',
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingCode = keyof typeof FINDINGS;

/** One thing that is wrong, and what to do about it. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** Name of the record, or the address, that it is about. */
  readonly about: string;
  /** One sentence: what is wrong. */
  readonly what: string;
  /** The record to publish in place of what is there; null where the remedy is no record. */
  readonly publish: ZoneRecord | null;
}

export const finding = (
  code: FindingCode,
  about: string,
  what: string,
  publish: ZoneRecord | null = null,
): Finding => ({ code, severity: FINDINGS[code], about, what, publish });

export const txt = (name: string, value: string): ZoneRecord => ({ name, type: 'TXT', value });

const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, unknown: 2, notice: 3 };

/** The worst first, then as they were found. */
export const bySeverity = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort((left, right) => ORDER[left.severity] - ORDER[right.severity]);

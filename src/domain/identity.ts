import { PROVIDERS, type Provider } from './policy.ts';

/** What of ours a provider can hold something against. */
export const IDENTITY_KINDS = ['source', 'domain', 'tenant', 'campaign'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** One of our identities, as one provider sees it. */
export interface Identity {
  readonly kind: IdentityKind;
  readonly name: string;
  readonly provider: Provider;
}

/** The tenant of whoever names none: it is everybody, and says nothing that its sources do not say. */
const NO_TENANT = 'default';
/** Longer names are cut: they come from applications, and are keys of rows. */
const NAME_LENGTH_MAX = 200;

/** Subject of everything that is known about an identity at a provider. */
export const identitySubject = (kind: IdentityKind, name: string, provider: Provider): string =>
  `identity:${kind}:${name.slice(0, NAME_LENGTH_MAX)}|${provider}`;

const PREFIX = 'identity:';

/** The identity in a subject; null for any other subject. */
export function identityIn(subject: string): Identity | null {
  // Asked for every signal of a replay: no pattern, which would cost more than counting it.
  if (!subject.startsWith(PREFIX)) return null;
  const colon = subject.indexOf(':', PREFIX.length);
  const bar = subject.lastIndexOf('|');
  if (colon < 0 || bar < colon) return null;
  const [kindText, providerText] = [subject.slice(PREFIX.length, colon), subject.slice(bar + 1)];
  const kind = IDENTITY_KINDS.find((candidate) => candidate === kindText);
  const provider = PROVIDERS.find((candidate) => candidate === providerText);
  return kind === undefined || provider === undefined ? null : { kind, name: subject.slice(colon + 1, bar), provider };
}

/** What is behind a mail. */
export interface Behind {
  /** Sources that send it, or may send it. */
  readonly sources: readonly string[];
  readonly senderDomain: string | null;
  readonly tenant: string;
  readonly campaign: string | null;
}

/** Subjects of all identities behind a mail, at the provider of its recipient. */
export function subjectsBehind({ sources, senderDomain, tenant, campaign }: Behind, provider: Provider): string[] {
  const subjects = sources.map((source) => identitySubject('source', source, provider));
  if (senderDomain !== null) subjects.push(identitySubject('domain', senderDomain, provider));
  if (tenant !== NO_TENANT) subjects.push(identitySubject('tenant', tenant, provider));
  if (campaign !== null) subjects.push(identitySubject('campaign', `${tenant}/${campaign}`, provider));
  return subjects;
}

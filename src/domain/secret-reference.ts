/** Where secrets are kept: the first part of a reference. */
export const SECRET_SCHEMES = ['vault', 'aws-sm', 'file', 'env'] as const;
export type SecretScheme = (typeof SECRET_SCHEMES)[number];

/** Where one secret is kept; docs/secrets.md has the grammar. */
export interface SecretReference {
  readonly scheme: SecretScheme;
  /** What its store is asked for: everything but the field. References with the same one are read together. */
  readonly document: string;
  /** Path, variable, or id, as the store knows it. */
  readonly name: string;
  /** Asked for instead of the newest one. */
  readonly pinned: { readonly by: 'version' | 'stage'; readonly value: string } | null;
  /** Of a document that holds several values. Null: the document is the value, or what its store takes by default. */
  readonly field: string | null;
}

const GRAMMAR: Readonly<Record<SecretScheme, RegExp>> = {
  // The first segment is the mount; a slash within a segment is written %2F.
  vault:
    /^(?<name>[\w.~%+@-]+(?:\/[\w.~%+@ -]+)+)(?:\?(?<by>version)=(?<value>[1-9][0-9]{0,9}))?(?:#(?<field>[^#\s]{1,256}))?$/,
  'aws-sm':
    /^(?<name>(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@!-]{1,512})(?:\?(?<by>version|stage)=(?<value>[A-Za-z0-9/_+=.@-]{1,256}))?(?:#(?<field>[^#\s]{1,256}))?$/,
  file: /^(?<name>.+)$/s,
  env: /^(?<name>[A-Za-z_][A-Za-z0-9_]*)$/,
};

/** What a text says if it is a reference; null where it is none, and may be the secret itself: then do not repeat it. */
export function parseSecretReference(text: string): SecretReference | null {
  const colon = text.indexOf(':');
  const scheme = SECRET_SCHEMES.find((one) => one === text.slice(0, Math.max(0, colon)));
  if (scheme === undefined) return null;
  const found = GRAMMAR[scheme].exec(text.slice(colon + 1))?.groups;
  if (found === undefined || found.name === undefined) return null;
  const { name, by, value, field } = found;
  const pinned = (by === 'version' || by === 'stage') && value !== undefined ? ({ by, value } as const) : null;
  const document = `${scheme}:${name}${pinned === null ? '' : `?${pinned.by}=${pinned.value}`}`;
  return { scheme, document, name, pinned, field: field ?? null };
}

/** What may be told of a text that should be a reference. */
export const shownReference = (text: string): string =>
  parseSecretReference(text) === null ? '(not shown)' : text.slice(0, 1_000);

/** A list of `tag=value` pairs, as DKIM, DMARC, MTA-STS and TLS-RPT write their records (RFC 6376 section 3.2). */
export type Tags = ReadonlyMap<string, string>;

const TAG = /^\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([\s\S]*?)\s*$/;

/** Reads a tag list; a text where it is none says what is wrong. Tag names are case-sensitive, and none may stand twice. */
export function parseTags(text: string): Tags | string {
  const tags = new Map<string, string>();
  const parts = text.split(';');
  if ((parts.at(-1) ?? '').trim() === '') parts.pop();
  for (const part of parts) {
    const [, name, value] = TAG.exec(part) ?? [];
    if (name === undefined || value === undefined) return `"${part.trim().slice(0, 40)}" is no tag=value`;
    if (tags.has(name)) return `the tag ${name} stands twice`;
    tags.set(name, value);
  }
  return tags;
}

export const formatTags = (tags: Iterable<readonly [string, string]>): string =>
  [...tags].map(([name, value]) => `${name}=${value}`).join('; ');

import type { Provider, ProviderRule } from './policy.ts';

/** Answers which provider runs the mailboxes of a recipient domain (lower case, A-labels). */
export type ProviderOf = (domain: string) => Provider;

/**
 * Indexes the rules once, so that a look-up costs one hash probe per label.
 *
 * A plain entry (`gmail.com`) matches that domain alone: a subdomain has MX records of its own, and `lists.gmail.com` need
 * not be Google's. An entry that begins with a dot (`.onmicrosoft.com`) matches every subdomain and not the domain itself.
 * The exact entry wins over a suffix, a longer suffix over a shorter one, and of two equal entries the first.
 * What no rule names is `other`.
 */
export function providerIndex(rules: readonly ProviderRule[]): ProviderOf {
  const exact = new Map<string, Provider>();
  for (const rule of rules) {
    for (const domain of rule.domains) {
      const name = domain.toLowerCase();
      if (!exact.has(name)) exact.set(name, rule.provider);
    }
  }
  return (domain) => {
    const found = exact.get(domain);
    if (found !== undefined) return found;
    for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
      const suffix = exact.get(domain.slice(dot));
      if (suffix !== undefined) return suffix;
    }
    return 'other';
  };
}

import type { Config } from './types.ts';

/** A reference to a secret, and where in postlane.yaml it stands. */
export interface PlacedReference {
  readonly path: string;
  readonly reference: string;
}

/** Every secret that the configuration names, in the order of the file. */
export function secretReferencesOf(config: Config): readonly PlacedReference[] {
  const found: PlacedReference[] = [];
  collect(config, '', found);
  return found;
}

/** Names of values that hold a reference, as `types.ts` calls them, under the name of what holds them. */
const HOLDERS =
  /(?:^|\.)(?:user|password|privateKey|secret|addressKey|verp\.key|notifier\.key|unsubscribe\.key|tls\.key|tls\.certificate)$/;

function collect(value: unknown, path: string, found: PlacedReference[]): void {
  if (typeof value === 'string') {
    if (HOLDERS.test(path)) found.push({ path: written(path), reference: value });
  } else if (Array.isArray(value)) {
    value.forEach((item: unknown, index) => {
      const name = nameOf(item);
      collect(item, name === null ? `${path}[${index}]` : `${path}.${name}`, found);
    });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) collect(inner, path === '' ? key : `${path}.${key}`, found);
  }
}

/** What a list calls its entries. */
function nameOf(item: unknown): string | null {
  if (typeof item !== 'object' || item === null) return null;
  const { name, domain, selector } = item as { name?: unknown; domain?: unknown; selector?: unknown };
  const found = name ?? domain ?? selector;
  return typeof found === 'string' ? found : null;
}

/** As it is written in the file. */
const written = (path: string): string => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

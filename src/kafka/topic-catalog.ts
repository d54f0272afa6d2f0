import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { CatalogOptions, TopicSpec } from '../contracts/catalog.ts';
import { CATALOG_DEFAULTS, expandCatalog } from '../contracts/catalog.ts';
import { parseCatalog } from '../contracts/catalog-entry.ts';
import { PostlaneError } from '../domain/error.ts';

/** Beside the sources, or, in the published package, one folder further up from the built files. */
const PLACES = ['../../topics.yaml', '../../../topics.yaml'];

/** The topics that topics.yaml gives under these options. Throws CONFIG_INVALID, with every problem. */
export function loadCatalog(options: Partial<CatalogOptions> = {}, file: URL = shippedFile()): readonly TopicSpec[] {
  const { entries, problems } = parseCatalog(parse(readFileSync(file, 'utf8')));
  if (problems.length > 0) throw new PostlaneError('CONFIG_INVALID', { file: file.pathname, problems });
  const expansion = expandCatalog(entries, { ...CATALOG_DEFAULTS, ...options });
  if (expansion.problems.length > 0) {
    throw new PostlaneError('CONFIG_INVALID', { file: file.pathname, problems: expansion.problems });
  }
  return expansion.topics;
}

function shippedFile(): URL {
  const places = PLACES.map((place) => new URL(place, import.meta.url));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'topics.yaml is not in the package' });
  return found;
}

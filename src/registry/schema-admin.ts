import { schemas } from '../contracts/generated.ts';
import type { Topic } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { incompatibility } from './compatibility.ts';
import { eachOf } from './each-of.ts';
import { schemaOf } from './format.ts';
import { RegistryClient } from './registry-client.ts';
import { subjectOf } from './schema-source.ts';

/** What every subject of ours must be checked by: each version reads all others, whichever side is upgraded first. */
export const COMPATIBILITY = 'FULL_TRANSITIVE';

/** Told one line at a time. */
export type Progress = (line: string) => void;

/** How the registry stands to what it should hold for one topic. */
export interface SubjectReport {
  readonly subject: string;
  readonly schema: string;
  /** Id of exactly our schema; null: not registered. */
  readonly id: number | null;
  /** Compatibility that is set for the subject itself; null: none. */
  readonly compatibility: string | null;
  /** Why our schema may not follow what is registered; null: it may, or is. */
  readonly incompatibility: string | null;
}

/** Whether `applySchemas` would change nothing. */
export const isCurrent = (report: SubjectReport): boolean =>
  report.id !== null && report.compatibility === COMPATIBILITY;

/** Compares the schemas with the registry, subject by subject; changes nothing. Throws REGISTRY_UNAVAILABLE. */
export async function checkSubjects(
  registryUrl: string,
  catalog: readonly Topic<unknown>[],
): Promise<readonly SubjectReport[]> {
  return check(new RegistryClient({ url: registryUrl }), catalog);
}

/** A registry that was started a moment ago, on a busy machine, takes its time with the first schemas. */
const APPLY_TIMEOUT_MS = 30_000;

/**
 * Sets the compatibility of every subject and registers what is not registered. Nothing is touched where one schema is
 * incompatible: then CONFIG_INVALID lists all that are. Idempotent, and quick where there is nothing to do.
 * Throws REGISTRY_UNAVAILABLE, having done a part.
 * @returns the state that was found
 */
export async function applySchemas(
  registryUrl: string,
  catalog: readonly Topic<unknown>[],
  progress: Progress,
): Promise<readonly SubjectReport[]> {
  const client = new RegistryClient({ url: registryUrl, timeoutMs: APPLY_TIMEOUT_MS });
  const reports = await check(client, catalog);
  const problems = reports.filter((report) => report.incompatibility !== null);
  if (problems.length > 0) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: 'schemas may not follow those that are registered',
      problems: problems.map(({ subject, incompatibility }) => `${subject}: ${incompatibility}`),
    });
  }
  const stale = reports.filter((report) => !isCurrent(report));
  await eachOf(stale, async ({ subject, schema, id, compatibility }) => {
    if (compatibility !== COMPATIBILITY) await client.setCompatibility(subject, COMPATIBILITY);
    if (id === null) await client.register(subject, schemas[schema as keyof typeof schemas]);
  });
  if (stale.length > 0) progress(`${stale.length} subjects registered`);
  return reports;
}

async function check(client: RegistryClient, catalog: readonly Topic<unknown>[]): Promise<readonly SubjectReport[]> {
  const reports: SubjectReport[] = [];
  await eachOf(catalog, async (topic) => {
    const subject = subjectOf(topic);
    const schema = schemaOf(topic);
    const [id, compatibility] = await Promise.all([
      client.idOf(subject, schemas[schema]),
      client.compatibilityOf(subject),
    ]);
    const incompatibility = id === null ? await incompatibilityOf(client, subject, schemas[schema]) : null;
    reports.push({ subject, schema, id, compatibility, incompatibility });
  });
  return reports.sort((one, other) => (one.subject < other.subject ? -1 : 1));
}

/** Against every version, the newest first: the registry's own check depends on what is set there now. */
async function incompatibilityOf(client: RegistryClient, subject: string, schema: string): Promise<string | null> {
  for (const version of (await client.versionsOf(subject)).toReversed()) {
    const why = incompatibility(schema, await client.schemaOf(subject, version));
    if (why !== null) return `version ${version}: ${why}`;
  }
  return null;
}

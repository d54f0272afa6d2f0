import { type Environment, REGION_VARIABLE } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import { locateConfig } from '../config/locate.ts';
import type { Config } from '../config/types.ts';
import type { CatalogOptions, TopicSpec } from '../contracts/catalog.ts';
import { namesIn } from '../contracts/region.ts';
import { PostlaneError } from '../domain/error.ts';
import { loadCatalog } from '../kafka/topic-catalog.ts';
import type { ProcessContext } from './context.ts';

/**
 * The topics that a configuration asks for, by their names in the cluster: those of its region, where there are several.
 * Throws CONFIG_INVALID where it asks for what would lose mail.
 */
export function catalogOf(config: Config): readonly TopicSpec[] {
  const names = namesIn(config.region?.name ?? null);
  return loadCatalog(catalogOptions(config)).map((spec) => ({ ...spec, name: names.topic(spec.name) }));
}

/** What topics.yaml leaves to the configuration. */
export function catalogOptions(config: Config): Partial<CatalogOptions> {
  return {
    partitionFactor: config.topics.partitionFactor,
    replicationFactor: config.topics.replicationFactor,
    overrides: config.topics.overrides,
    jobBytesMax: config.job.bytesMax,
    dedupWindowMs: config.router.dedupWindowMs,
    ageMaxMs: Math.max(config.router.ageMaxMs, ...config.queues.map((queue) => queue.ageMaxMs)),
  };
}

/** Reads the configuration as every role does. Where there are several regions, somebody must have said which one is meant. */
export function configOf(context: ProcessContext, file?: string): Config {
  const config = read(context, context.environment, file);
  if (config.regions.length === 0 || config.region !== null) return config;
  throw new PostlaneError('CONFIG_INVALID', {
    what: `there are several regions: say which one is meant with --region, or ${REGION_VARIABLE}`,
    regions: config.regions.map(({ name }) => name).join(', '),
  });
}

/** The configuration of every region, or of the one that was said to be meant; without regions the only one. */
export function configsOf(context: ProcessContext, file?: string): readonly Config[] {
  const config = read(context, context.environment, file);
  if (config.regions.length === 0 || config.region !== null) return [config];
  return config.regions.map(({ name }) => read(context, { ...context.environment, [REGION_VARIABLE]: name }, file));
}

/** The configuration as it is written, for no region in particular. */
export const wholeConfigOf = (context: ProcessContext, file?: string): Config =>
  read(context, { ...context.environment, [REGION_VARIABLE]: undefined }, file);

const read = (context: ProcessContext, env: Environment, file?: string): Config =>
  loadConfig({ env, path: locateConfig(file, env, context.workingDirectory) });

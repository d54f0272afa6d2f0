import { loadConfig } from '../config/load.ts';
import { locateConfig } from '../config/locate.ts';
import type { Config } from '../config/types.ts';
import type { CatalogOptions, TopicSpec } from '../contracts/catalog.ts';
import { loadCatalog } from '../kafka/topic-catalog.ts';
import type { ProcessContext } from './context.ts';

/** The topics that a configuration asks for. Throws CONFIG_INVALID where it asks for what would lose mail. */
export function catalogOf(config: Config): readonly TopicSpec[] {
  return loadCatalog(catalogOptions(config));
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

/** Reads the configuration as every role does. */
export const configOf = (context: ProcessContext, file?: string): Config =>
  loadConfig({ env: context.environment, path: locateConfig(file, context.environment, context.workingDirectory) });

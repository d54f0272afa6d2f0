import { join } from 'node:path';
import type { Config } from '../config/types.ts';
import { isPostlaneError } from '../domain/error.ts';
import { configOf } from './catalog.ts';
import type { ProcessContext } from './context.ts';
import { DATA_DIRECTORY, dataLayout } from './data-directory.ts';
import { readStatus } from './status-file.ts';

/** Where a command finds the pipeline. */
export interface ConnectionAddresses {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly schemaRegistryUrl: string;
  /** A job at most, encoded, in bytes. */
  readonly jobBytesMax: number;
  /** The one that the command is for; null where there are none. */
  readonly region: string | null;
}

/**
 * Addresses for the commands that talk to a running pipeline. What the environment or a named configuration says holds;
 * else those of a `postlane up` that runs in the working directory, whose ports nobody chose; else postlane.yaml's.
 */
export async function connectionOf(context: ProcessContext, file?: string): Promise<ConnectionAddresses> {
  const config = configOf(context, file);
  const running = isNamed(context, file) ? null : await runningUp(context);
  return {
    brokers: running?.brokers ?? config.kafka.brokers,
    clientId: config.kafka.clientId,
    schemaRegistryUrl: running?.schemaRegistry ?? config.registry.url,
    jobBytesMax: config.job.bytesMax,
    region: config.region?.name ?? null,
  };
}

/** The configuration as the processes of the pipeline read it: those of a running `postlane up` keep their keys in its directory. */
export async function runningConfigOf(context: ProcessContext, file?: string): Promise<Config> {
  const running = isNamed(context, file) ? null : await runningUp(context);
  if (running === null) return configOf(context, file);
  const { state } = dataLayout(join(context.workingDirectory, DATA_DIRECTORY));
  return configOf({ ...context, environment: { POSTLANE_STATE_DIR: state, ...context.environment } }, file);
}

function isNamed({ environment }: ProcessContext, file: string | undefined): boolean {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, POSTLANE_CONFIG } = environment;
  return [file, POSTLANE_CONFIG, KAFKA_BROKERS, SCHEMA_REGISTRY_URL].some((given) => given);
}

async function runningUp(
  context: ProcessContext,
): Promise<{ brokers: Config['kafka']['brokers']; schemaRegistry: string } | null> {
  try {
    return await readStatus(join(context.workingDirectory, DATA_DIRECTORY));
  } catch (error) {
    if (isPostlaneError(error, 'INFRA_UNAVAILABLE')) return null;
    throw error;
  }
}

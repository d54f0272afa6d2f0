import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { PostlaneError } from '../../domain/error.ts';

/** Where the registry speaks Confluent's protocol. */
export const CONFLUENT_API_PATH = '/apis/ccompat/v7';

/** Command line of the registry that was unpacked into `folder`; its class path stands in the jar's manifest. */
export async function registryArguments(folder: string): Promise<readonly string[]> {
  const jar = (await readdir(folder)).find((file) => file.endsWith('-runner.jar'));
  if (jar === undefined) throw new PostlaneError('INFRA_UNAVAILABLE', { what: "the registry's jar", folder });
  return [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    // It serves some hundred requests in its life, and is to be there soon.
    '-XX:TieredStopAtLevel=1',
    '-Djava.net.preferIPv4Stack=true',
    '-jar',
    join(folder, jar),
  ];
}

/**
 * Environment of the registry. Schemas live in an H2 file rather than in memory, so that a restart gives every schema the
 * id that records were written with; `WRITE_DELAY=0` because it may be killed right after it has answered.
 */
export function registryEnvironment(environment: Environment, dataDirectory: string, port: number): Environment {
  return {
    ...environment,
    QUARKUS_HTTP_HOST: '127.0.0.1',
    QUARKUS_HTTP_PORT: String(port),
    QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
    APICURIO_STORAGE_KIND: 'sql',
    APICURIO_STORAGE_SQL_KIND: 'h2',
    APICURIO_DATASOURCE_URL: `jdbc:h2:file:${join(dataDirectory, 'registry', 'registry')};WRITE_DELAY=0`,
    APICURIO_DATASOURCE_JDBC_INITIAL_SIZE: '2',
    APICURIO_DATASOURCE_JDBC_MIN_SIZE: '2',
    APICURIO_DATASOURCE_JDBC_MAX_SIZE: '10',
  };
}

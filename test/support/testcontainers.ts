import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import {
  COMPOSE_FILE,
  COMPOSE_UP_DEADLINE_MS,
  Compose,
  type ComposeOptions,
  composeInfra,
  composePorts,
  composeReached,
  composeVariables,
  projectName,
  SERVICES,
} from '../../src/infra/compose.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import type { InfraProvider } from '../../src/infra/provider.ts';

/**
 * The containers of docker-compose.kafka.yml by way of testcontainers, whose reaper removes them, and their volumes, also
 * where the test run is killed. Everything else is as with the Docker provider.
 */
export function testcontainersProvider(options: ComposeOptions): InfraProvider {
  return {
    name: 'docker',
    async start(progress) {
      const ports = await composePorts(options.dataDirectory);
      const project = projectName(options.dataDirectory);
      progress(`starting the containers of ${project}`);
      let compose = new DockerComposeEnvironment(packageRoot(), COMPOSE_FILE)
        .withProjectName(project)
        .withEnvironment({ ...composeVariables(ports) })
        .withStartupTimeout(COMPOSE_UP_DEADLINE_MS);
      for (const service of SERVICES) compose = compose.withWaitStrategy(`${service}-1`, Wait.forHealthCheck());
      const started = await compose.up();
      await composeReached(ports);
      return composeInfra(new Compose(options, ports), ports, stopOnce(started));
    },
  };
}

function stopOnce(started: StartedDockerComposeEnvironment): () => Promise<void> {
  let stopping: Promise<unknown> | undefined;
  return async () => {
    stopping ??= started.down({ removeVolumes: true });
    await stopping;
  };
}

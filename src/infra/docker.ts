import type { Environment } from '../config/environment.ts';
import {
  COMPOSE_UP_DEADLINE_MS,
  Compose,
  type ComposeOptions,
  composeInfra,
  composePorts,
  composeReached,
} from './compose.ts';
import { output } from './native/tools.ts';
import { ProcessRecords } from './process-records.ts';
import type { Infra, InfraProvider, Progress } from './provider.ts';

/** A client without an engine is common, and can take long to say so. */
const ANSWER_DEADLINE_MS = 5_000;

/** Whether a Docker engine with Compose answers within five seconds. */
export async function dockerAnswers(environment: Environment): Promise<boolean> {
  const ask = (args: readonly string[]) => output('docker', args, environment, ANSWER_DEADLINE_MS);
  const answers = await Promise.all([ask(['info']), ask(['compose', 'version'])]);
  return answers.every((answer) => answer !== undefined);
}

/** Containers, as docker-compose.kafka.yml describes them. */
export function dockerProvider(options: ComposeOptions): InfraProvider {
  return { name: 'docker', start: (progress) => startDocker(options, progress) };
}

async function startDocker(options: ComposeOptions, progress: Progress): Promise<Infra> {
  const records = await ProcessRecords.claim(options.dataDirectory);
  try {
    return await startProject(options, progress, records);
  } catch (cause) {
    await records.release();
    throw cause;
  }
}

async function startProject(options: ComposeOptions, progress: Progress, records: ProcessRecords): Promise<Infra> {
  const ports = await composePorts(options.dataDirectory);
  const compose = new Compose(options, ports);
  progress('starting containers (images are downloaded once)');
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      try {
        await compose.down();
      } finally {
        await records.release();
      }
    })();
    return stopping;
  };
  try {
    // Earlier containers of this project are taken over, or replaced where their configuration changed.
    await compose.run(['up', '--detach', '--wait', '--remove-orphans'], COMPOSE_UP_DEADLINE_MS, progress);
    await composeReached(ports);
  } catch (cause) {
    await stop();
    throw cause;
  }
  progress('containers are up');
  return composeInfra(compose, ports, stop);
}

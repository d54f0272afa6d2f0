import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { environment } from '../../src/config/environment.ts';
import { projectName } from '../../src/infra/compose.ts';
import { dockerProvider } from '../../src/infra/docker.ts';
import { waitFor } from '../../src/infra/wait.ts';

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

/** Answers whatever a broker is asked with: one broker is alive. Size, correlation id, number of brokers. */
const ONE_BROKER = Buffer.from('000000080000000000000001', 'hex');

let directory: string;
let servers: Server[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-docker-'));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) server.close();
  await rm(directory, { recursive: true, force: true });
});

/** A `docker` that writes down what it is asked, and of `up` also the ports; `script` is what it does besides. */
async function provider(script: string) {
  const file = join(directory, 'docker');
  const ports = '"$POSTLANE_KAFKA_PORT $POSTLANE_REGISTRY_PORT $POSTLANE_REDIS_PORT"';
  await writeFile(
    file,
    `#!/bin/sh
     echo "$@" >> ${directory}/calls
     case " $* " in *" up "*) echo ${ports} > ${directory}/ports;; esac
     ${script}\n`,
  );
  await chmod(file, 0o755);
  const base = environment();
  const own = { ...base, PATH: `${directory}:${base.PATH}` };
  return dockerProvider({ dataDirectory: join(directory, 'data'), environment: own });
}

/** What it was asked, without what is the same in every call. */
async function calls(): Promise<readonly string[]> {
  const lines = (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n');
  const same = new RegExp(
    `^compose --file \\S+/docker-compose\\.kafka\\.yml --project-name ${projectName(join(directory, 'data'))} `,
  );
  return lines.map((line) => line.replace(same, ''));
}

/** Listens as containers would, at the ports that were asked for. */
async function answerAsServices(): Promise<readonly number[]> {
  const text = await waitFor('the ports', () => readFile(join(directory, 'ports'), 'utf8'), { deadlineMs: 10_000 });
  const [kafka, registry, redis] = text.trim().split(' ').map(Number);
  servers = [
    createServer((socket) => socket.on('data', () => socket.write(ONE_BROKER)).on('error', () => undefined)).listen(
      kafka,
      '127.0.0.1',
    ),
    createHttpServer((_, response) => response.end('[]')).listen(registry, '127.0.0.1'),
    createServer((socket) => socket.on('data', () => socket.write('+PONG\r\n')).on('error', () => undefined)).listen(
      redis,
      '127.0.0.1',
    ),
  ];
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return [Number(kafka), Number(registry), Number(redis)];
}

describe('the Docker provider', () => {
  it('starts the project of its data directory and removes it at the end, once', async () => {
    const starting = (await provider('exit 0')).start(() => undefined);
    const [kafka, registry, redis] = await answerAsServices();
    const infra = await starting;
    expect(infra).toMatchObject({
      provider: 'docker',
      brokers: [`127.0.0.1:${kafka}`],
      schemaRegistryUrl: `http://127.0.0.1:${registry}/apis/ccompat/v7`,
      redisUrl: `redis://127.0.0.1:${redis}`,
    });
    await Promise.all([infra.stop(), infra.stop()]);
    expect(await calls()).toEqual(['up --detach --wait --remove-orphans', 'down --timeout 20']);
  });

  it('kills a container, waits for its end, and starts it again', async () => {
    const starting = (await provider('case " $* " in *" ps "*) echo kafka;; esac')).start(() => undefined);
    await answerAsServices();
    const infra = await starting;
    await infra.killRedis('SIGKILL');
    await infra.startRedis();
    await infra.killBroker('SIGSTOP');
    await infra.stop();
    expect((await calls()).slice(1, -1)).toEqual([
      'kill --signal SIGKILL redis',
      'ps --services --status running',
      'up --detach --wait --no-deps redis',
      'kill --signal SIGSTOP kafka',
    ]);
  });

  it('says why containers do not come up, and leaves none', async () => {
    const failing = await provider('case " $* " in *" up "*) echo "no space left"; exit 1;; esac');
    await expect(failing.start(() => undefined)).rejects.toMatchObject({
      code: 'INFRA_UNAVAILABLE',
      facts: { status: 1, log: ['no space left'] },
    });
    expect(await calls()).toEqual(['up --detach --wait --remove-orphans', 'down --timeout 20']);
  });
});

import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { environment } from '../../src/config/environment.ts';
import { type ChooseOptions, chooseProvider } from '../../src/infra/choose.ts';
import { type GivenAddresses, givenProvider } from '../../src/infra/given.ts';
import { freePort } from '../../src/infra/ports.ts';

// Processes start slowly on a busy machine.
jest.setTimeout(60_000);

let directory: string;
const servers: Server[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-choice-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(directory, { recursive: true, force: true });
});

async function listening<S extends Server>(server: S): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** An environment in which `docker` is this shell script. */
async function withDocker(script: string): Promise<Readonly<Record<string, string | undefined>>> {
  const file = join(directory, 'docker');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  const base = environment();
  return { ...base, PATH: `${directory}:${base.PATH}` };
}

const choose = async (options: Partial<ChooseOptions>) =>
  (await chooseProvider({ given: {}, environment: {}, dataDirectory: directory, ...options })).name;

describe('the provider', () => {
  it('is what the addresses name, before all else', async () => {
    const given = { brokers: 'broker:9092', schemaRegistryUrl: 'http://registry' };
    expect(await choose({ given, environment: await withDocker('exit 0') })).toBe('given');
  });

  it('is Docker where an engine answers', async () => {
    expect(await choose({ environment: await withDocker('exit 0') })).toBe('docker');
  });

  it.each([
    ['the engine does not run', 'exit 1'],
    ['Compose is missing', '[ "$1" = info ]'],
  ])('is native where %s', async (_, script) => {
    expect(await choose({ environment: await withDocker(script) })).toBe('native');
  });

  it('is native where there is no docker command', async () => {
    expect(await choose({ environment: { PATH: directory } })).toBe('native');
  });

  it('is native where the engine does not answer in time', async () => {
    expect(await choose({ environment: await withDocker('exec sleep 60') })).toBe('native');
  }, 20_000);

  it('is what is asked for', async () => {
    expect(await choose({ name: 'native', environment: await withDocker('exit 0') })).toBe('native');
  });

  it('is not Docker where several brokers are wanted', async () => {
    const docker = await withDocker('exit 0');
    expect(await choose({ nodes: 3, environment: docker })).toBe('native');
    await expect(choose({ nodes: 3, name: 'docker', environment: docker })).rejects.toMatchObject({
      code: 'INFRA_UNAVAILABLE',
    });
  });
});

describe('given addresses', () => {
  const start = (given: GivenAddresses) => givenProvider(given, 500).start(() => undefined);

  it('are used as they are, and cannot be killed', async () => {
    const broker = `127.0.0.1:${await listening(createServer((socket) => socket.end()))}`;
    const registry = `http://127.0.0.1:${await listening(createHttpServer((_, response) => response.end('[]')))}`;
    const infra = await start({ brokers: ` ${broker} , ${broker}`, schemaRegistryUrl: `${registry}/` });
    expect(infra).toMatchObject({ brokers: [broker, broker], schemaRegistryUrl: registry, redisUrl: null });
    await expect(infra.killBroker('SIGKILL')).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE' });
    await infra.stop();
  });

  it.each([
    [{ brokers: '127.0.0.1:9092' }, 'SCHEMA_REGISTRY_URL'],
    [{ brokers: ' , ', schemaRegistryUrl: 'http://127.0.0.1' }, 'KAFKA_BROKERS'],
  ])('belong together: %j', async (given, missing) => {
    await expect(start(given)).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { missing } });
  });

  it('are refused where nothing answers, without the password', async () => {
    const broker = `127.0.0.1:${await listening(createServer((socket) => socket.end()))}`;
    const registry = `http://127.0.0.1:${await listening(createHttpServer((_, response) => response.end('[]')))}`;
    const redisUrl = `redis://:secret@127.0.0.1:${await freePort()}`;
    const refused = await start({ brokers: broker, schemaRegistryUrl: registry, redisUrl }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'INFRA_UNAVAILABLE' });
    expect(refused.message).toContain('REDIS_URL 127.0.0.1:');
    expect(refused.message).not.toContain('secret');
  });
});

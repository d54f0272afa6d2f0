import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countBrokers, listens, parseAddress } from '../../src/infra/probes.ts';
import { identityOf } from '../../src/infra/process-identity.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { startTestInfra } from '../support/infra.ts';

const SCHEMA = JSON.stringify({ type: 'record', name: 'Probe', fields: [{ name: 'id', type: 'string' }] });

async function registerSchema(registryUrl: string, subject: string): Promise<number> {
  const response = await fetch(`${registryUrl}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: SCHEMA }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { id: number }).id;
}

async function schemaById(registryUrl: string, id: number): Promise<unknown> {
  const response = await fetch(`${registryUrl}/schemas/ids/${id}`);
  return JSON.parse(((await response.json()) as { schema: string }).schema);
}

const addressOf = (text: string) => {
  const address = parseAddress(text.replace(/^redis:\/\//, ''));
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
};

describe('native infrastructure', () => {
  let dataDirectory: string;
  let infra: Infra;
  const lines: string[] = [];

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'postlane-native-'));
    infra = await startTestInfra({ provider: 'native', dataDirectory, progress: (line) => lines.push(line) });
  }, 180_000);

  afterAll(async () => {
    await infra?.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  }, 60_000);

  it('answers at addresses of this machine only, and says what it starts', async () => {
    expect(infra.provider).toBe('native');
    expect(infra.brokers).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
    expect(await countBrokers(addressOf(String(infra.brokers[0])))).toBe(1);
    expect(infra.schemaRegistryUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/apis\/ccompat\/v7$/);
    expect(infra.redisUrl).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
    expect(lines).toEqual(expect.arrayContaining(['starting broker-1', 'broker-1 is up', 'registry is up']));
  });

  it('refuses a second owner of its data directory while it lives', async () => {
    const second = startTestInfra({ provider: 'native', dataDirectory });
    await expect(second).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE', facts: { pid: process.pid } });
  });

  it('brings a killed broker back on its port', async () => {
    const address = addressOf(String(infra.brokers[0]));
    await infra.killBroker('SIGKILL');
    expect(await listens(address)).toBe(false);
    await infra.startBroker();
    expect(await countBrokers(address)).toBe(1);
  }, 60_000);

  it('gives a schema the same id after the registry was killed right behind its answer', async () => {
    const id = await registerSchema(infra.schemaRegistryUrl, 'probe-value');
    await infra.killRegistry('SIGKILL');
    await infra.startRegistry();
    expect(await schemaById(infra.schemaRegistryUrl, id)).toEqual(JSON.parse(SCHEMA));
    expect(await registerSchema(infra.schemaRegistryUrl, 'probe-value')).toBe(id);
  }, 60_000);

  it('brings a killed Redis back', async () => {
    const address = addressOf(String(infra.redisUrl));
    await infra.killRedis('SIGKILL');
    expect(await listens(address)).toBe(false);
    await infra.startRedis();
    expect(await listens(address)).toBe(true);
  }, 30_000);

  it('starts a service again that somebody else killed', async () => {
    const address = addressOf(String(infra.redisUrl));
    const pidOfRedis = () => infra.processes().find(({ role }) => role === 'redis')?.pid;
    const before = Number(pidOfRedis());
    process.kill(before, 'SIGKILL');
    const successor = async () => {
      const pid = pidOfRedis();
      return pid !== undefined && pid !== before && (await listens(address)) ? pid : undefined;
    };
    expect(await waitFor('another Redis', successor, { deadlineMs: 15_000 })).not.toBe(before);
  }, 30_000);

  it('uses the same ports, and keeps what it knows, when it is started again', async () => {
    const before = { brokers: infra.brokers, schemaRegistryUrl: infra.schemaRegistryUrl, redisUrl: infra.redisUrl };
    const id = await registerSchema(infra.schemaRegistryUrl, 'probe-value');
    await infra.stop();
    infra = await startTestInfra({ provider: 'native', dataDirectory });
    expect(infra).toMatchObject(before);
    expect(await registerSchema(infra.schemaRegistryUrl, 'probe-value')).toBe(id);
  }, 90_000);
});

describe('native infrastructure whose owner is killed', () => {
  it('leaves no process behind', async () => {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'postlane-native-'));
    const owner = join(dataDirectory, 'owner.ts');
    const support = new URL('../../src/infra/', import.meta.url).href;
    await mkdir(dataDirectory, { recursive: true });
    await writeFile(
      owner,
      `import { nativeProvider } from '${support}native.ts';
       import { packageRoot } from '${support}package-root.ts';
       const options = { dataDirectory: ${JSON.stringify(dataDirectory)}, environment: process.env, nodes: 1,
         downloadsDirectory: packageRoot() + '/.postlane/downloads' };
       await nativeProvider(options).start(() => undefined);
       console.log('up');
       setInterval(() => undefined, 1_000);`,
    );
    const child = spawn(process.execPath, [owner], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const names = ['broker-1', 'registry', 'redis'];
      const files = names.map((name) => join(dataDirectory, 'processes', `${name}.json`));
      const pids = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8')).pid as number));
      for (const pid of pids) expect(await identityOf(pid)).toBeDefined();
      child.kill('SIGKILL');
      const gone = async () => {
        const alive = await Promise.all(pids.map(identityOf));
        return alive.every((identity) => identity === undefined) ? true : undefined;
      };
      await waitFor('the end of all of them', gone, { deadlineMs: 10_000 });
    } finally {
      child.kill('SIGKILL');
      await rm(dataDirectory, { recursive: true, force: true, maxRetries: 3 });
    }
  }, 120_000);
});

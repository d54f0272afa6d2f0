import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKey, readKey } from '../../src/cli/dkim-key-files.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/types.ts';
import { FakeVault } from '../support/fake-vault.ts';
import { Moto } from '../support/moto.ts';

const KEY = { domain: 'shop.example', selector: 's1', algorithm: 'ed25519-sha256' } as const;
let directory: string;
let vault: FakeVault;
let moto: Moto;
let config: Config;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-dkim-'));
  vault = await FakeVault.start();
  moto = await Moto.start();
  await writeFile(join(directory, 'token'), vault.token());
  const text = `
state_dir: ${directory}
secrets:
  vault: { address: "${vault.address}", token: "file:${join(directory, 'token')}" }
  aws: { region: ${moto.region}, endpoint: "${moto.endpoint}" }
`;
  config = loadConfig({ text, env: {} });
}, 90_000);
afterAll(async () => {
  await moto?.stop();
  await vault?.stop();
  await rm(directory, { recursive: true, force: true });
});

const made = (store: string | undefined) => makeKey(config, { ...KEY, store });

describe('a new DKIM key is kept where the secrets are', () => {
  it.each([
    ['Vault', () => 'vault:kv/dkim/shop.example', 'vault:kv/dkim/shop.example/s1'],
    ['AWS', () => 'aws-sm:dkim/shop.example/', 'aws-sm:dkim/shop.example/s1'],
  ])('%s', async (_, store, reference) => {
    const key = await made(store());
    expect(key.privateKey).toBe(reference);
    // As the workers read it.
    expect(await readKey(config, { ...KEY, reference })).toEqual(key);
    expect(key.record).toMatch(/^v=DKIM1; k=ed25519; p=/);
    await expect(made(store())).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    expect(await readKey(config, { ...KEY, reference })).toEqual(key);
  });

  it.each([
    ['of our own keys', () => undefined, () => join(directory, 'keys', 'shop.example', 's1.pem')],
    ['that is named', () => join(directory, 'a'), () => join(directory, 'a', 's1.pem')],
    ['that a reference names', () => `file:${join(directory, 'b')}`, () => join(directory, 'b', 's1.pem')],
  ])('a directory %s, for its owner only', async (_, store, path) => {
    const key = await made(store());
    expect(key.privateKey).toBe(`file:${path()}`);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    await expect(made(store())).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
  });

  it.each([
    ['env:DKIM', /environment variables cannot be written/],
    ['vault:kv/dkim#key', /neither field nor version/],
    ['aws-sm:dkim?stage=AWSPENDING', /neither field nor version/],
  ])('not in %s', async (store, what) => {
    await expect(made(store)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { what: expect.stringMatching(what) },
    });
  });

  it('nowhere where the store says no', async () => {
    vault.readOnly = true;
    await expect(makeKey(config, { ...KEY, selector: 's2', store: 'vault:kv/dkim' })).rejects.toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      facts: { reason: expect.stringMatching(/permission denied/) },
    });
    vault.readOnly = false;
  });
});

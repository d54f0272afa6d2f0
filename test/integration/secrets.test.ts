import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretsConfig } from '../../src/config/types.ts';
import { systemClock } from '../../src/host/clock.ts';
import { openSecrets } from '../../src/secrets/open.ts';
import type { Secrets } from '../../src/secrets/secrets.ts';
import { selfSigned, yearFrom } from '../../src/secrets/self-signed.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { FakeVault, type FakeVaultOptions } from '../support/fake-vault.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 3_600_000;
const WAIT_MS = 20_000;
const config: SecretsConfig = {
  refreshMs: HOUR_MS,
  timeoutMs: 2_000,
  retryMs: 60_000,
  vault: null,
  aws: { region: null, endpoint: null },
};

let directory: string;
let secrets: Secrets;
let telemetry: RecordingTelemetry;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-secrets-'));
  telemetry = new RecordingTelemetry();
});
afterEach(async () => {
  await secrets.close();
  await rm(directory, { recursive: true });
});

const open = (over: Partial<SecretsConfig> = {}): Secrets => {
  secrets = openSecrets({ config: { ...config, ...over }, clock: systemClock, telemetry });
  return secrets;
};
const becomes = (reference: string, wanted: string) =>
  until(`${reference} to change`, async () => (await secrets.resolve(reference)).text() === wanted, WAIT_MS);

describe('a mounted secret is watched', () => {
  const path = () => join(directory, 'password');
  const changes = () => {
    let count = 0;
    secrets.onChange([`file:${path()}`], () => count++);
    return () => count;
  };

  it('that is written in place', async () => {
    await writeFile(path(), 'one');
    open();
    await becomes(`file:${path()}`, 'one');
    const told = changes();
    await writeFile(path(), 'two');
    await becomes(`file:${path()}`, 'two');
    expect(told()).toBe(1);
  });

  it('that is replaced by another file', async () => {
    await writeFile(path(), 'one');
    open();
    await becomes(`file:${path()}`, 'one');
    for (const value of ['two', 'three']) {
      await writeFile(`${path()}.new`, value);
      await rename(`${path()}.new`, path());
      await becomes(`file:${path()}`, value);
    }
  });

  it('as Kubernetes does it: a directory of links is switched over', async () => {
    const edition = async (name: string, value: string) => {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, 'password'), value);
      await symlink(name, join(directory, '..data_tmp'));
      await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    };
    await edition('..1', 'one');
    await symlink(join('..data', 'password'), path());
    open();
    await becomes(`file:${path()}`, 'one');
    await edition('..2', 'two');
    await becomes(`file:${path()}`, 'two');
  });

  it('and keeps its last good value while it is away', async () => {
    await writeFile(path(), 'one');
    open();
    await becomes(`file:${path()}`, 'one');
    await rm(path());
    await until('the warning', () => telemetry.logged.length > 0, WAIT_MS);
    await becomes(`file:${path()}`, 'one');
    await writeFile(path(), 'two');
    await becomes(`file:${path()}`, 'two');
  });
});

describe('Vault', () => {
  let vault: FakeVault;
  afterEach(() => vault.stop());
  const REFERENCE = 'vault:kv/relay#password';
  const begin = async (options: FakeVaultOptions = {}) => {
    vault = await FakeVault.start(options);
    vault.put('kv/relay', { user: 'relay', password: 'one' });
    const role = join(directory, 'role');
    const id = join(directory, 'id');
    await writeFile(role, vault.roleId);
    await writeFile(id, vault.secretId);
    const auth = { kind: 'approle', mount: 'approle', roleId: `file:${role}`, secretId: `file:${id}` } as const;
    return { address: vault.address, namespace: options.namespace ?? null, caFile: null, auth };
  };
  const calls = (path: string) => vault.calls.filter((call) => call.includes(path)).length;

  it('has its token renewed in time, and is logged in at again where renewing ends', async () => {
    open({ vault: await begin({ tokenSeconds: 2, tokenSecondsMax: 4 }) });
    await becomes(REFERENCE, 'one');
    await until('a renewal', () => calls('renew-self') >= 1, WAIT_MS);
    await until('another log-in', () => calls('approle/login') >= 2, WAIT_MS);
    vault.put('kv/relay', { user: 'relay', password: 'two' });
    expect((await secrets.reread(REFERENCE)).text()).toBe('two');
    expect(telemetry.sum('postlane_vault_tokens_total')).toBeGreaterThan(0);
  });

  it('is logged in at again where it has forgotten the token', async () => {
    open({ vault: await begin({ namespace: 'mail' }) });
    await becomes(REFERENCE, 'one');
    vault.revokeAll();
    vault.put('kv/relay', { password: 'two' });
    expect((await secrets.reread(REFERENCE)).text()).toBe('two');
    expect(calls('approle/login')).toBe(2);
  });

  it('is read on a schedule', async () => {
    open({ vault: await begin(), refreshMs: 100 });
    await becomes(REFERENCE, 'one');
    vault.put('kv/relay', { password: 'two' });
    await becomes(REFERENCE, 'two');
  });

  it('reads user and password of one document together', async () => {
    open({ vault: await begin() });
    await Promise.all([secrets.resolve('vault:kv/relay#user'), secrets.resolve(REFERENCE)]);
    expect(calls('data/relay')).toBe(1);
  });

  it.each([
    ['is sealed', () => Object.assign(vault, { sealed: true }), /503/],
    ['does not know the role', () => Object.assign(vault, { secretId: 'another' }), /400.*invalid role/],
    ['does not answer', () => Object.assign(vault, { slowMs: 5_000 }), /no answer within/],
    ['answers garbage', () => void vault.raw.push('{"auth": {"client_token": "hvs.x"', '{'), /no token/],
    ['has no such secret', () => vault.put('kv/relay', { user: 'relay' }), /no such field/],
    ['has had it deleted', () => vault.remove('kv/relay'), /deleted/],
  ])('says so where it %s', async (_, arrange, reason) => {
    open({ vault: await begin(), timeoutMs: 500 });
    arrange();
    const error = await secrets.resolve(REFERENCE).catch((caught) => caught);
    expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE', facts: { reason: expect.stringMatching(reason) } });
  });

  it('is followed from a standby to the active node', async () => {
    const settings = await begin();
    const standby = await FakeVault.start();
    standby.active = vault.address;
    open({ vault: { ...settings, address: standby.address } });
    await becomes(REFERENCE, 'one');
    expect(standby.calls.length).toBeGreaterThan(0);
    await standby.stop();
  });

  it('is believed over TLS only with a certificate of the authority that was named', async () => {
    const tls = selfSigned({ names: ['localhost', '127.0.0.1'], ...yearFrom(Date.now()) });
    const settings = await begin({ tls });
    open({ vault: settings });
    await expect(secrets.resolve(REFERENCE)).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    await secrets.close();
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, tls.cert);
    open({ vault: { ...settings, caFile } });
    await becomes(REFERENCE, 'one');
  });

  it('quotes nothing of an answer that it cannot read', async () => {
    const token = join(directory, 'token');
    const settings = await begin();
    await writeFile(token, vault.token());
    open({ vault: { ...settings, auth: { kind: 'token', token: `file:${token}` } } });
    vault.raw.push('{"data":{"ttl":0}}', '{"data":{"data":{"password":"correct horse"}');
    const error = await secrets.resolve(REFERENCE).catch((caught) => caught);
    expect(String(error.stack) + String(error.cause)).not.toContain('correct');
    expect((await secrets.resolve(REFERENCE)).text()).toBe('one');
  });
});

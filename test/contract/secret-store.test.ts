import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/host/clock.ts';
import { AwsStore } from '../../src/secrets/aws-store.ts';
import { EnvStore } from '../../src/secrets/env-store.ts';
import { FileStore } from '../../src/secrets/file-store.ts';
import { Secret } from '../../src/secrets/secret.ts';
import { VaultSession } from '../../src/secrets/vault-session.ts';
import { VaultStore } from '../../src/secrets/vault-store.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { FakeVault } from '../support/fake-vault.ts';
import { Moto } from '../support/moto.ts';
import { parsed, secretStoreContract } from './secret-store.contract.ts';

describe('env:', () => {
  secretStoreContract(async () => {
    const environment: Record<string, string> = {};
    const nameOf = (name: string) => `SECRET_${name.toUpperCase()}`;
    return {
      store: new EnvStore(() => environment),
      reference: (name) => `env:${nameOf(name)}`,
      async put(name, value) {
        environment[nameOf(name)] = value;
      },
      async remove(name) {
        delete environment[nameOf(name)];
      },
      away: null,
      holdsSeveral: false,
      canWrite: false,
      keepsEditions: false,
      async close() {},
    };
  });
});

describe('file:', () => {
  secretStoreContract(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'postlane-file-store-'));
    const store = new FileStore();
    return {
      store,
      reference: (name) => `file:${join(directory, name)}`,
      put: (name, value) => writeFile(join(directory, name), value),
      remove: (name) => rm(join(directory, name)),
      away: null,
      holdsSeveral: false,
      canWrite: true,
      keepsEditions: false,
      async close() {
        await store.close();
        await rm(directory, { recursive: true });
      },
    };
  });
});

describe.each(['token', 'approle'] as const)('vault:, logged in by %s', (kind) => {
  secretStoreContract(async () => {
    const vault = await FakeVault.start({ namespace: 'mail/team' });
    const token = vault.token();
    const credentials: Readonly<Record<string, string>> = {
      'env:TOKEN': token,
      'env:ROLE': vault.roleId,
      'env:SECRET': vault.secretId,
    };
    const session = new VaultSession({
      config: {
        address: vault.address,
        namespace: 'mail/team',
        caFile: null,
        auth:
          kind === 'token'
            ? { kind, token: 'env:TOKEN' }
            : { kind, mount: 'approle', roleId: 'env:ROLE', secretId: 'env:SECRET' },
      },
      timeoutMs: 5_000,
      clock: systemClock,
      telemetry: new RecordingTelemetry(),
      credential: async (reference) => Secret.of(credentials[reference] ?? ''),
    });
    const store = new VaultStore(session);
    return {
      store,
      reference: (name) => `vault:team%2Fkv/mail/${name}#password`,
      async put(name, value) {
        vault.put(`team/kv/mail/${name}`, { user: 'relay', password: value });
      },
      async remove(name) {
        vault.remove(`team/kv/mail/${name}`);
      },
      async away(isAway) {
        vault.sealed = isAway;
      },
      holdsSeveral: true,
      canWrite: true,
      keepsEditions: true,
      async close() {
        await store.close();
        await vault.stop();
      },
    };
  });
});

describe('vault:, a document that is there', () => {
  it('keeps its other fields when one is added, and a refused token is told', async () => {
    const vault = await FakeVault.start();
    const session = new VaultSession({
      config: { address: vault.address, namespace: null, caFile: null, auth: { kind: 'token', token: 'env:TOKEN' } },
      timeoutMs: 5_000,
      clock: systemClock,
      telemetry: new RecordingTelemetry(),
      credential: async () => Secret.of(token),
    });
    const token = vault.token();
    const store = new VaultStore(session);
    vault.put('kv/mail', { user: 'relay' });
    await store.create(parsed('vault:kv/mail#password'), Secret.of('one'));
    const document = await store.read(parsed('vault:kv/mail'), 'newest');
    expect(['user', 'password'].map((name) => document.value(name)?.text())).toEqual(['relay', 'one']);
    vault.readOnly = true;
    await expect(store.create(parsed('vault:kv/other'), Secret.of('two'))).rejects.toMatchObject({
      facts: { reason: expect.stringMatching(/403.*permission denied/) },
    });
    await store.close();
    await vault.stop();
  });
});

describe('aws-sm:', () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await Moto.start();
  }, 90_000);
  afterAll(() => moto.stop());
  let suite = 0;

  const open = (endpoint = moto.endpoint) =>
    new AwsStore({ config: { region: moto.region, endpoint }, timeoutMs: 10_000 });

  secretStoreContract(async () => {
    const prefix = `mail/${++suite}`;
    const store = open();
    return {
      store,
      reference: (name) => `aws-sm:${prefix}/${name}`,
      put: (name, value) => moto.put(`${prefix}/${name}`, value),
      remove: (name) => moto.remove(`${prefix}/${name}`),
      away: null,
      holdsSeveral: false,
      canWrite: true,
      keepsEditions: true,
      close: () => store.close(),
    };
  });

  const value = async (store: AwsStore, text: string) => {
    const reference = parsed(text);
    return (await store.read(reference, 'newest')).value(reference.field)?.text();
  };

  it('reads fields, stages and bytes', async () => {
    const store = open();
    await moto.put('relay', JSON.stringify({ user: 'u', password: 'one', port: 587 }));
    await moto.put('relay', JSON.stringify({ user: 'u', password: 'two' }));
    await moto.put('relay', JSON.stringify({ user: 'u', password: 'three' }), 'AWSPENDING');
    await moto.put('key', Buffer.from('bytes'));
    expect(await value(store, 'aws-sm:relay#password')).toBe('two');
    expect(await value(store, 'aws-sm:relay?stage=AWSPREVIOUS#password')).toBe('one');
    expect(await value(store, 'aws-sm:relay?stage=AWSPREVIOUS#port')).toBe('587');
    expect(await value(store, 'aws-sm:relay?stage=AWSPENDING#password')).toBe('three');
    expect(await value(store, 'aws-sm:relay#missing')).toBeUndefined();
    expect(await value(store, 'aws-sm:key')).toBe('bytes');
    await store.close();
  });

  it('fails in time where nobody answers', async () => {
    const store = new AwsStore({ config: { region: 'eu-central-1', endpoint: 'http://127.0.0.1:9' }, timeoutMs: 500 });
    await expect(store.read(parsed('aws-sm:relay'), 'newest')).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    await store.close();
  });
});

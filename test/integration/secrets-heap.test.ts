import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from '../../src/config/environment.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { generateDkimKey } from '../../src/smtp/dkim.ts';
import { type Simulator, startSimulator } from '../../src/testing/simulator/index.ts';
import { FakeVault } from '../support/fake-vault.ts';
import { Moto } from '../support/moto.ts';
import type { BearerTask } from '../support/secret-bearer.ts';

const CHILD_MS_MAX = 60_000;
const secret = (): string => randomBytes(15).toString('hex');

describe('a process that uses secrets', () => {
  const passwords = { file: secret(), env: secret(), vault: secret(), aws: secret() };
  const wrong = secret();
  const verpKey = secret();
  let directory: string;
  let vault: FakeVault;
  let moto: Moto;
  let simulator: Simulator;
  let dkimKey: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-heap-'));
    const accepted = Object.values(passwords).map((pass) => ({ user: 'relay', pass }));
    [vault, moto, simulator] = await Promise.all([FakeVault.start(), Moto.start(), startSimulator({ auth: accepted })]);
    dkimKey = (await generateDkimKey('rsa-sha256')).privateKey;
    await Promise.all([
      writeFile(join(directory, 'password'), passwords.file),
      writeFile(join(directory, 'wrong'), wrong),
      writeFile(join(directory, 'dkim'), dkimKey),
      writeFile(join(directory, 'verp'), verpKey),
      writeFile(join(directory, 'role'), vault.roleId),
      writeFile(join(directory, 'id'), vault.secretId),
      moto.put('relay', JSON.stringify({ user: 'relay', password: passwords.aws })),
    ]);
    vault.put('kv/relay', { user: 'relay', password: passwords.vault });
  }, 120_000);
  afterAll(async () => {
    await Promise.all([vault?.stop(), moto?.stop(), simulator?.stop()]);
    await rm(directory, { recursive: true, force: true });
  });

  async function bear(careless: string | null): Promise<{ readonly heap: string; readonly printed: string }> {
    const file = (name: string) => `file:${join(directory, name)}`;
    const snapshot = join(directory, 'heap.json');
    const task: BearerTask = {
      config: {
        refreshMs: 60_000,
        timeoutMs: 10_000,
        retryMs: 60_000,
        vault: {
          address: vault.address,
          namespace: null,
          caFile: null,
          auth: { kind: 'approle', mount: 'approle', roleId: file('role'), secretId: file('id') },
        },
        aws: { region: moto.region, endpoint: moto.endpoint },
      },
      smtpPort: simulator.smtpPort,
      user: 'aws-sm:relay#user',
      passwords: [
        file('password'),
        'env:RELAY_PASSWORD',
        'vault:kv/relay#password',
        'aws-sm:relay#password',
        file('wrong'),
      ],
      dkim: file('dkim'),
      verp: file('verp'),
      careless,
      snapshot,
    };
    const child = spawn(
      process.execPath,
      [join(packageRoot(), 'test/support/secret-bearer.ts'), JSON.stringify(task)],
      {
        env: { ...environment(), RELAY_PASSWORD: passwords.env },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: CHILD_MS_MAX,
      },
    );
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (printed += text));
    const status = await new Promise((resolve) => child.once('close', resolve));
    if (status !== 0) throw new Error(printed);
    return { heap: await readFile(snapshot, 'utf8'), printed };
  }

  /** Everything of which nobody may find a trace. */
  const traces = (): ReadonlyMap<string, string> => {
    const found = new Map<string, string>([...Object.entries(passwords), ['wrong', wrong], ['verp', verpKey]]);
    for (const [name, pass] of Object.entries(passwords)) {
      // As they cross the wire, whole and in the part that no neighbour changes.
      found.set(`${name} in AUTH PLAIN`, Buffer.from(`\0relay\0${pass}`).toString('base64'));
    }
    dkimKey
      .split('\n')
      .slice(1, -2)
      .forEach((line, index) => {
        found.set(`DKIM line ${index}`, line);
      });
    found.set('Vault secret id', vault.secretId);
    return found;
  };
  const namesIn = (text: string) => [...traces()].filter(([, trace]) => text.includes(trace)).map(([name]) => name);

  it('shows none of them in its heap, its log and its metrics', async () => {
    const { heap, printed } = await bear(null);
    expect(printed.match(/"outcome":"accepted","signed":true/g)).toHaveLength(4);
    expect(printed).toContain('postlane_log_ins_total');
    expect(printed).toMatch(/"outcome":"refused"/);
    expect(namesIn(heap)).toEqual([]);
    expect(namesIn(printed)).toEqual([]);
  }, 120_000);

  it('would be found out, were it careless', async () => {
    const { heap } = await bear('vault:kv/relay#password');
    expect(namesIn(heap)).toEqual(['vault']);
  }, 120_000);
});

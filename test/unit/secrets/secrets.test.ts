import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECRET_BYTES_MAX } from '../../../src/secrets/resolve.ts';
import { CachedSecrets } from '../../../src/secrets/secrets.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';

const directory = mkdtempSync(join(tmpdir(), 'postlane-secrets-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'secret');

function start(env: Record<string, string> = {}) {
  const clock = new VirtualClock();
  const telemetry = new RecordingTelemetry();
  return { clock, telemetry, env, secrets: new CachedSecrets({ env, clock, telemetry, refreshMs: 1_000 }) };
}

const failure = async (promise: Promise<string>) =>
  promise.then(
    () => {
      throw new Error('resolved');
    },
    (error) => error,
  );

it('reads a file without its trailing line break, and a variable', async () => {
  writeFileSync(path, 'line 1\nline 2\n');
  const { secrets } = start({ TOKEN: 'token' });
  expect(await secrets.resolve(`file:${path}`)).toBe('line 1\nline 2');
  expect(await secrets.resolve('env:TOKEN')).toBe('token');
});

it('notices a rotation once the refresh is due, and not before', async () => {
  writeFileSync(path, 'old');
  const { secrets, clock } = start();
  await secrets.resolve(`file:${path}`);
  writeFileSync(path, 'new');
  await clock.advance(999);
  expect(await secrets.resolve(`file:${path}`)).toBe('old');
  await clock.advance(1);
  expect(await secrets.resolve(`file:${path}`)).toBe('new');
});

it('keeps the old one while the new one cannot be read, and says so without telling it', async () => {
  writeFileSync(path, 'old-secret');
  const { secrets, clock, telemetry } = start();
  await secrets.resolve(`file:${path}`);
  rmSync(path);
  await clock.advance(1_000);
  expect(await secrets.resolve(`file:${path}`)).toBe('old-secret');
  expect(telemetry.logged).toHaveLength(1);
  expect(JSON.stringify(telemetry.logged)).not.toContain('old-secret');
  writeFileSync(path, 'new-secret');
  await clock.advance(1_000);
  expect(await secrets.resolve(`file:${path}`)).toBe('new-secret');
});

it('reads once for all who ask at once', async () => {
  writeFileSync(path, 'one');
  const { secrets } = start();
  const asked = [secrets.resolve(`file:${path}`), secrets.resolve(`file:${path}`)];
  writeFileSync(path, 'two');
  const [first, second] = await Promise.all(asked);
  expect(first).toBe(second);
});

it.each([
  ['a file that is not there', () => `file:${path}-missing`, 'ENOENT'],
  ['a directory', () => `file:${directory}`, 'not a file'],
  ['a variable that is not set', () => 'env:MISSING', 'the variable is not set'],
  ['an empty variable', () => 'env:EMPTY', 'it is empty'],
  ['another scheme', () => 'vault:kv/relay', 'not a reference of the form file:… or env:…'],
])('does without %s', async (_, reference, reason) => {
  const { secrets } = start({ EMPTY: '' });
  const error = await failure(secrets.resolve(reference()));
  expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE', facts: { reason } });
});

it('reads no more than a secret can be', async () => {
  writeFileSync(path, 'x'.repeat(SECRET_BYTES_MAX + 1));
  const { secrets } = start();
  expect(await failure(secrets.resolve(`file:${path}`))).toMatchObject({ code: 'SECRET_UNAVAILABLE' });
});

it('does not wait for the writer of a pipe', async () => {
  const pipe = join(directory, 'pipe');
  spawnSync('mkfifo', [pipe]);
  expect(await failure(start().secrets.resolve(`file:${pipe}`))).toMatchObject({ facts: { reason: 'not a file' } });
});

it('never repeats what was given instead of a reference', async () => {
  const { secrets } = start();
  expect(String(await failure(secrets.resolve('hunter2')))).not.toContain('hunter2');
});

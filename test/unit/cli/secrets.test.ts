import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../../support/cli.ts';

const directory = mkdtempSync(join(tmpdir(), 'postlane-secrets-check-'));
afterAll(() => rmSync(directory, { recursive: true }));

const check = async (yaml: string, ...more: string[]) => {
  const file = join(directory, 'postlane.yaml');
  writeFileSync(file, yaml);
  return runCli(['secrets', 'check', '--config', file, ...more], {});
};

it('reads every secret that the configuration names, and shows none', async () => {
  writeFileSync(join(directory, 'user'), 'somebody');
  writeFileSync(join(directory, 'key'), 'hunter22');
  const run = await check(`
relay: { tls: implicit, user: "file:${directory}/user", password: "file:${directory}/none" }
verp: { key: "file:${directory}/key" }
`);
  expect(run.status).toBe(1);
  expect(run.printed).toContain(`ok       verp.key  file:${directory}/key`);
  expect(run.printed).toMatch(/MISSING {2}sources\.transactional-1\.password {2}file:\S+none {2}ENOENT/);
  expect(run.printed).not.toMatch(/somebody|hunter22/);
});

it('ends well where nothing is missing', async () => {
  writeFileSync(join(directory, 'key'), 'hunter22');
  const run = await check(`verp: { key: "file:${directory}/key" }`, '--json');
  expect(run.status).toBe(0);
  expect(JSON.parse(run.printed)).toEqual({
    path: 'verp.key',
    reference: `file:${directory}/key`,
    ok: true,
    reason: null,
  });
});

it('says that a key of addresses could be guessed', async () => {
  writeFileSync(join(directory, 'addresses'), `${'k'.repeat(32)}\nhunter22\n`);
  const run = await check(`privacy: { address_key: "file:${directory}/addresses" }`);
  expect(run.status).toBe(1);
  expect(run.printed).toMatch(/^MISSING {2}privacy\.address_key .* every line must have at least 32 characters$/m);
  expect(run.printed).not.toContain('hunter22');
});

it.each([
  ['verp: { key: "vault:kv/verp#key" }', 'is kept in Vault, and there is no secrets.vault.address'],
  ['secrets: { vault: { address: "http://vault.example" } }', 'has no TLS'],
  ['secrets: { vault: { app_role: { role_id: "env:R" } } }', 'needs both role_id and secret_id'],
  ['secrets: { vault: { token: "vault:kv/token" } }', 'a reference of the form file:… or env:…'],
  ['verp: { key: hunter2 }', 'a reference to a secret'],
])('refuses %s', async (yaml, why) => {
  const run = await check(yaml);
  expect(run.status).toBe(1);
  expect(run.told.join('\n')).toContain(why);
  expect(run.told.join('\n')).not.toContain('hunter2');
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { presetFor } from '../../../src/cli/initial-config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { runCli } from '../../support/cli.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postlane-init-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const init = (args: readonly string[], answers?: readonly string[]) => {
  const asked: string[] = [];
  const left = [...(answers ?? [])];
  const ask = async (question: string) => {
    asked.push(question);
    return left.shift() ?? '';
  };
  const run = runCli(['init', ...args], { workingDirectory: directory, ...(answers && { ask }) });
  return run.then((result) => ({ ...result, asked }));
};
const written = () => {
  const text = readFileSync(join(directory, 'postlane.yaml'), 'utf8');
  return { text, config: loadConfig({ text, env: {} }) };
};

it('asks three questions and writes what fits', async () => {
  const { status, asked, printed } = await init([], ['50,000', '', 'Mail.Example']);
  expect(status).toBe(0);
  expect(asked).toHaveLength(3);
  expect(printed).toContain('preset mid-size');
  const { config } = written();
  expect(config.preset).toBe('mid-size');
  expect(config.senders).toMatchObject({ mode: 'strict', list: [{ domain: 'mail.example' }] });
});

it('asks again where an answer makes no sense, and not for ever', async () => {
  const { status, told } = await init([], ['many', '20000', 'one', '1', 'example.org']);
  expect(status).toBe(0);
  expect(told.filter((line) => line.includes('whole number'))).toHaveLength(2);
  expect((await init(['--force'], ['a', 'b', 'c', 'd'])).status).toBe(1);
});

it('asks nothing where everything is said', async () => {
  const options = ['--preset', 'global', '--domain', 'shop.example', '--relay', 'smtp.relay.example:587'];
  expect((await init(options)).status).toBe(0);
  const { config } = written();
  expect(config.sources.map(({ host, port, tls, user }) => ({ host, port, tls, user }))).toContainEqual({
    host: 'smtp.relay.example',
    port: 587,
    tls: 'starttls',
    user: 'env:RELAY_USER',
  });
  expect(config.pools).toContainEqual(
    expect.objectContaining({ sources: ['transactional-eu', 'transactional-us', 'transactional-ap'] }),
  );
});

it('leaves it to the owner to declare regions, and says how', async () => {
  expect((await init(['--preset', 'global', '--domain', 'shop.example'])).status).toBe(0);
  const { text, config } = written();
  expect(config.regions).toEqual([]);
  const declared = loadConfig({ text: text.replace('# regions:', 'regions:'), env: { POSTLANE_REGION: 'eu' } });
  expect(declared.region).toMatchObject({ name: 'eu', residency: 'strict' });
  expect(declared.pools.map(({ sources }) => sources)).toContainEqual(['transactional-eu']);
});

it('says what to give where nobody is there to answer', async () => {
  const { status, told } = await init(['--preset', 'startup']);
  expect(status).toBe(1);
  expect(told.join('\n')).toContain('--domain');
});

it('replaces no file unless told to', async () => {
  writeFileSync(join(directory, 'postlane.yaml'), 'mine');
  const options = ['--mails-per-day', '500000', '--domain', 'shop.example'];
  expect((await init(options)).status).toBe(1);
  expect(readFileSync(join(directory, 'postlane.yaml'), 'utf8')).toBe('mine');
  expect((await init([...options, '--force'])).status).toBe(0);
  expect(written().config.preset).toBe('enterprise');
});

it.each([
  [1, 1, 'startup'],
  [10_000, 1, 'startup'],
  [10_001, 1, 'mid-size'],
  [100_000, 1, 'mid-size'],
  [100_001, 1, 'enterprise'],
  [1, 2, 'global'],
])('%i mails a day in %i regions: %s', (mails, regions, preset) => {
  expect(presetFor(mails, regions)).toBe(preset);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { register } from '../../../src/cli/commands/config.ts';
import { maskUrl } from '../../../src/config/show.ts';

const directory = mkdtempSync(join(tmpdir(), 'postlane-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function run(args: readonly string[], env: Record<string, string> = {}) {
  const printed: string[] = [];
  const complaints: string[] = [];
  let status = 0;
  const program = new Command();
  register(program, {
    env,
    workingDirectory: directory,
    print: (line) => printed.push(line),
    complain: (line) => complaints.push(line),
    exitWith: (code) => {
      status = code;
    },
  });
  program.parse(['config', ...args], { from: 'user' });
  return { printed: printed.join('\n'), complaints, status };
}

it('checks a good file', () => {
  writeFileSync(join(directory, 'good.yaml'), 'senders: strict');
  expect(run(['check', 'good.yaml'])).toMatchObject({ complaints: [], status: 0 });
});

it('lists the problems of a bad one, and fails', () => {
  writeFileSync(join(directory, 'bad.yaml'), 'htpp: {}\nstate_dir: []');
  expect(run(['check', 'bad.yaml'])).toEqual({
    printed: '',
    complaints: [
      'bad.yaml:1: htpp: is not a key that exists here (did you mean "http"?)',
      'bad.yaml:2: state_dir: must be text',
      '2 problems',
    ],
    status: 1,
  });
});

it('shows all defaults and no secret', () => {
  const shown = run(['show', 'good.yaml', '--json'], {
    REDIS_URL: 'redis://user:hunter2@cache:6379/0?password=hunter3',
  });
  expect(JSON.parse(shown.printed)).toMatchObject({
    redis: { url: 'redis://***:***@cache:6379/0?***' },
    circuit: { failures: 5 },
  });
  expect(shown.printed).not.toMatch(/hunter/);
  expect(run(['show', 'good.yaml'], { REDIS_URL: 'redis://:hunter2@cache:6379' }).printed).toMatch(
    /redis:\n {2}url: redis:\/\/:\*\*\*@cache/,
  );
});

it('finds postlane.yaml in the working directory, else the one of the package', () => {
  expect(JSON.parse(run(['show', '--json']).printed).senders.list[0].domain).toBe('shop.example');
  writeFileSync(join(directory, 'postlane.yaml'), 'senders: strict');
  expect(JSON.parse(run(['show', '--json']).printed).senders.mode).toBe('strict');
  writeFileSync(join(directory, 'other.yaml'), 'state_dir: other');
  expect(JSON.parse(run(['show', '--json'], { POSTLANE_CONFIG: 'other.yaml' }).printed).stateDir).toBe('other');
});

it('masks what is no URL whole', () => {
  expect(maskUrl('hunter2')).toBe('***');
});

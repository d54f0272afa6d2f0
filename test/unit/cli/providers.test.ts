import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ProcessContext } from '../../../src/cli/context.ts';
import { runProgram } from '../../../src/cli/program.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'postlane-providers-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]) {
  const printed: string[] = [];
  const told: string[] = [];
  const context: ProcessContext = {
    environment: {},
    workingDirectory: folder,
    self: ['node', 'main.ts'],
    print: (text) => printed.push(text),
    tell: (line) => told.push(line),
    roles: {},
    interrupted: new AbortController().signal,
  };
  const status = await runProgram(['providers', ...args], context);
  return { status, printed: printed.join(''), told: told.join('\n') };
}

describe('providers', () => {
  it('checks the table', async () => {
    const { status, printed, told } = await run('check');
    expect([status, told]).toEqual([0, '']);
    expect(printed).toMatch(/^version \d+: \d+ sites; version \d+: \d+ rules for replies; 0 problems\n$/);
  });

  it('explains a reply to people and to programs', async () => {
    const people = await run('explain', '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred');
    expect(people.printed).toContain('yahoo-complaints (yahoo): the source sends nothing there for 2 h');
    expect(people.printed).toContain('because: the deferral of Yahoo');
    const elsewhere = await run(
      'explain',
      '--site',
      'gmx',
      '--json',
      '421 4.7.0 [TSS04] Messages temporarily deferred due to x',
    );
    expect(JSON.parse(elsewhere.printed)).toMatchObject({
      rule: 'reputation-limit',
      action: { kind: 'slow', ratePerMinute: 1 },
    });
    const nothing = await run('explain', '451 4.7.1 Greylisted, please try again later');
    expect(nothing.printed).toContain('no rule: nothing changes at the site');
    expect(nothing.printed).toContain('for the mail: greylisted, to be tried again');
  });

  it('prints no control character of a reply', async () => {
    const { printed } = await run('explain', '421 4.7.0 \u001b[31mslow down');
    expect(printed).not.toContain('\u001b');
  });
});

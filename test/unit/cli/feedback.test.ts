import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ProcessContext } from '../../../src/cli/context.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { BOUNCE_RULES_VERSION } from '../../../src/domain/bounce-rules.ts';

const BOUNCE = `From: MAILER-DAEMON@mx.example
Subject: failure notice

Hi. This is the qmail-send program at mx.example.

<ada@inbox.example>:
Sorry, no mailbox here by that name. (#5.1.1)
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'postlane-feedback-'));
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
  const status = await runProgram(args, context);
  return { status, printed: printed.join(''), told: told.join('\n') };
}

const file = (name: string, text: string): string => {
  writeFileSync(path.join(folder, name), text);
  return name;
};

describe('feedback explain', () => {
  it('prints one object per file, and goes on after one that cannot be read', async () => {
    const mail = file('bounce.eml', BOUNCE);
    const body = file('hook.json', '{"type":"complaint","recipient":"ada@inbox.example"}');
    const { status, printed, told } = await run('feedback', 'explain', mail, 'missing.eml', body);
    expect(status).toBe(1);
    expect(told).toBe('missing.eml: cannot be read (ENOENT)');
    const lines = printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      {
        file: 'bounce.eml',
        kind: 'bounce',
        recipients: [
          {
            address: 'ada@inbox.example',
            status: '5.1.1',
            class: 'invalid-recipient',
            severity: 'hard',
            blames: 'recipient',
            rule: 'no-such-mailbox',
            ruleVersion: BOUNCE_RULES_VERSION,
            suppress: true,
            why: expect.stringContaining('RFC 3463'),
          },
        ],
      },
      {
        file: 'hook.json',
        kind: 'complaint',
        recipients: [expect.objectContaining({ address: 'ada@inbox.example', class: 'complaint', suppress: true })],
      },
    ]);
  });

  it('tells where a body is not what it is said to be', async () => {
    const { status, printed, told } = await run('feedback', 'explain', '--as', 'ses', file('x.json', '{"a":1}'));
    expect({ status, printed, told }).toEqual({ status: 1, printed: '', told: 'x.json: is no ses' });
  });

  it('knows its formats', async () => {
    const { status, told } = await run('feedback', 'explain', '--as', 'pigeon', 'x');
    expect(status).toBe(1);
    expect(told).toContain('dsn, arf, ses, sendgrid, mailgun, postmark, generic');
  });
});

describe('rules', () => {
  it('are fine', async () => {
    const { status, printed } = await run('rules', 'check');
    expect(status).toBe(0);
    expect(printed).toMatch(new RegExp(`^version ${BOUNCE_RULES_VERSION}: \\d+ rules, \\d+ samples, 0 problems\n$`));
  });

  it('explain a reply to people and to programs', async () => {
    const people = await run('rules', 'explain', '550 5.1.1 User unknown');
    expect(people.printed).toContain('no-such-mailbox');
    expect(people.printed).toContain('suppresses the address');
    const programs = await run('rules', 'explain', '--json', '450 4.2.2 Mailbox full');
    expect(JSON.parse(programs.printed)).toMatchObject({
      smtpCode: 450,
      enhancedCode: '4.2.2',
      text: 'Mailbox full',
      class: 'mailbox-full',
      severity: 'soft',
      permanent: false,
      suppress: false,
      rule: 'mailbox-full',
      ruleVersion: BOUNCE_RULES_VERSION,
    });
  });

  it('know at which stage a word means what', async () => {
    const { printed } = await run('rules', 'explain', '--stage', 'mail', '--json', '550 No such user here');
    expect(JSON.parse(printed)).toMatchObject({ suppress: false });
  });
});

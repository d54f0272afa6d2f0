import type { ProcessContext } from '../../../src/cli/context.ts';
import { createProgram, runProgram } from '../../../src/cli/program.ts';
import type { RoleDefinition } from '../../../src/cli/roles.ts';

function recordingContext(roles: Readonly<Record<string, RoleDefinition>> = {}) {
  const interruption = new AbortController();
  const printed: string[] = [];
  const told: string[] = [];
  const context: ProcessContext = {
    environment: {},
    workingDirectory: '/nowhere',
    self: ['node', 'main.ts'],
    print: (text) => printed.push(text),
    tell: (line) => told.push(line),
    roles,
    interrupted: interruption.signal,
  };
  return { context, printed, told, interruption };
}

describe('the command line', () => {
  it('describes every command and every option', async () => {
    const { context } = recordingContext();
    const program = await createProgram({ ...context, setExitStatus: () => undefined });
    const commands = [program, ...program.commands];
    expect(commands.length).toBeGreaterThan(3);
    for (const command of commands) {
      const text = command.summary() || command.description();
      expect([command.name(), text]).toEqual([command.name(), expect.stringMatching(/\S/)]);
      for (const option of command.options) {
        expect([option.flags, option.description]).toEqual([option.flags, expect.stringMatching(/\S/)]);
      }
    }
  });

  it('prints help on standard output and ends well', async () => {
    const { context, printed, told } = recordingContext();
    expect(await runProgram(['up', '--help'], context)).toBe(0);
    expect(printed.join('')).toContain('--no-demo');
    expect(told).toEqual([]);
  });

  it('suggests what an unknown command may have meant', async () => {
    const { context, told } = recordingContext();
    expect(await runProgram(['statsu'], context)).toBe(1);
    expect(told.join('\n')).toContain('Did you mean status?');
  });

  it.each([
    [['up', '--infra', 'cloud'], 'Allowed choices are given, docker, native'],
    [['up', '--demo', '-1'], 'a whole number'],
    [['run'], "missing required argument 'role'"],
    [['run', 'router', '--queues', 'a,,b'], 'names separated by commas'],
  ])('refuses %j', async (args, complaint) => {
    const { context, told } = recordingContext();
    expect(await runProgram(args, context)).not.toBe(0);
    expect(told.join('\n')).toContain(complaint);
  });

  it('shows an error of ours without its stack', async () => {
    const { context, told } = recordingContext();
    expect(await runProgram(['status', '--data', '/nowhere'], context)).toBe(1);
    expect(told.join('\n')).toMatch(/^postlane: INFRA_UNAVAILABLE: nothing runs/);
    expect(told.join('\n')).not.toContain('.ts:');
  });
});

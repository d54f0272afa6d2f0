import { Command } from 'commander';
import { register } from '../../../src/cli/commands/simulator.ts';
import type { CliContext } from '../../../src/cli/context.ts';
import { greeted, messageOf, until } from './raw-client.ts';

/** Runs the command until `interrupt` is called. */
function run(...args: readonly string[]) {
  const interruption = new AbortController();
  let printed = '';
  const context: CliContext = {
    environment: {},
    workingDirectory: '.',
    self: ['node', 'main.ts'],
    print: (text) => {
      printed += text;
    },
    tell: () => undefined,
    roles: {},
    interrupted: interruption.signal,
    setExitStatus: () => undefined,
  };
  const program = new Command('postlane').exitOverride().configureOutput({ writeErr: () => undefined });
  register(program, context);
  for (const command of program.commands) command.copyInheritedSettings(program);
  const done = program.parseAsync(['simulator', ...args], { from: 'user' });
  return { done, interrupt: () => interruption.abort(), printed: () => printed };
}

describe('postlane simulator', () => {
  it('says where it is, takes mail, keeps sources, and ends when it is asked to', async () => {
    const running = run('--smtp-port', '0', '--http-port', '0', '--site-port', 'apple.test=0', '--keep-raw', '1');
    await until(
      () => running.printed() !== '',
      () => 'its addresses',
    );
    const { smtp, journal, sitePorts } = JSON.parse(running.printed());
    for (const port of [Number(smtp.split(':')[1]), sitePorts['apple.test']]) {
      const client = await greeted(port);
      await client.say('MAIL FROM:<a@x.test>', 'RCPT TO:<b@apple.test>', 'DATA');
      client.send(`${messageOf('one')}.\r\n`);
      expect(await client.take()).toMatch(/^250 /);
      client.close();
    }
    const lines = (await (await fetch(`${journal}/journal?raw=1`)).text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).raw)).toEqual([messageOf('one'), messageOf('one')]);
    running.interrupt();
    await running.done;
    await expect(fetch(journal)).rejects.toThrow();
  });

  it.each([
    ['--smtp-port', '70000'],
    ['--http-port', 'x'],
    ['--site-port', 'apple.test'],
    ['--auth', 'nobody'],
    ['--tls', 'perhaps'],
  ])('refuses %s %s', async (...args) => {
    await expect(run(...args).done).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  });
});

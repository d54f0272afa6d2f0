import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { untilAborted } from '../until-aborted.ts';

interface SimulatorCommandOptions {
  readonly host: string;
  readonly smtpPort: number;
  readonly httpPort: number;
  readonly raw?: true;
}

/** `postlane simulator`: a mail server for tests, whose answer is chosen by the recipient address. */
export function register(program: Command, context: CliContext): void {
  program
    .command('simulator')
    .summary('run the mailbox simulator: takes mail, and misbehaves on request')
    .description(
      'Runs a mail server for tests. It takes any ordinary mail; what it answers can be chosen by the recipient address or, ' +
        'for a whole site, over HTTP. What it took is in a journal at /journal (NDJSON).',
    )
    .option('--host <address>', 'where to listen; it takes anything from anybody', '127.0.0.1')
    .option('--smtp-port <port>', 'for mail; 0: any free one', parsePort, 0)
    .option('--http-port <port>', 'for the journal; 0: any free one', parsePort, 0)
    .option('--raw', 'keep the sources of messages, for /journal?raw=1')
    .action(async ({ host, smtpPort, httpPort, raw }: SimulatorCommandOptions) => {
      const { startSimulator } = await import('../../testing/simulator/index.ts');
      const simulator = await startSimulator({ host, smtpPort, httpPort, keepRaw: raw === true });
      context.tell(`mail: ${host}:${simulator.smtpPort}, journal: http://${host}:${simulator.httpPort}/journal`);
      await untilAborted(context.interrupted);
      await simulator.stop();
    });
}

const PORT_MAX = 65_535;

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port;
  throw new InvalidArgumentError(`a port from 0 to ${PORT_MAX} is expected`);
}

import { type Command, InvalidArgumentError, Option } from 'commander';
import { type SimulatorCredentials, type SimulatorOptions, startSimulator } from '../../testing/simulator/index.ts';
import type { CliContext } from '../context.ts';

const SMTP_PORT = 2525;
const HTTP_PORT = 2580;
const PORT_MAX = 65_535;
const ENTRIES_MAX = 1_000_000;
const RAW_MEBIBYTES = 256;
const MEBIBYTE = 1_048_576;

interface SimulatorCommandOptions {
  readonly host: string;
  readonly smtpPort: number;
  readonly httpPort: number;
  readonly sitePort: Readonly<Record<string, number>>;
  readonly tls: 'none' | 'starttls' | 'implicit';
  readonly auth?: SimulatorCredentials;
  readonly entries: number;
  readonly keepRaw?: number | true;
}

/** `postlane simulator`: the mailbox simulator alone, until it is asked to end. */
export function register(program: Command, context: CliContext): void {
  program
    .command('simulator')
    .summary('run a mail server that answers as the recipient address says')
    .description(
      'Runs the mailbox simulator until SIGTERM or SIGINT: a mail server that takes everything, except where a recipient ' +
        'address asks for something else, with a journal of what it took over HTTP. GET / there lists the addresses.',
    )
    .option('--host <address>', 'where to listen; it believes everybody, so keep it off networks', '127.0.0.1')
    .option('--smtp-port <port>', 'port for mail; 0: any free one', parseNumber(PORT_MAX), SMTP_PORT)
    .option('--http-port <port>', 'port for the journal; 0: any free one', parseNumber(PORT_MAX), HTTP_PORT)
    .option('--site-port <site=port>', 'a port for one site alone; may be repeated', parseSitePort, {})
    .addOption(new Option('--tls <mode>', 'encryption').choices(['none', 'starttls', 'implicit']).default('none'))
    .option('--auth <user:password>', 'what a client must log in with', parseCredentials)
    .option('--entries <count>', 'journal entries to keep', parseNumber(Number.MAX_SAFE_INTEGER), ENTRIES_MAX)
    .option(
      '--keep-raw [MiB]',
      `keep the sources of messages, up to so many MiB (default: ${RAW_MEBIBYTES})`,
      parseNumber(65_536),
    )
    .action((options: SimulatorCommandOptions) => run(context, options));
}

async function run(context: CliContext, options: SimulatorCommandOptions): Promise<void> {
  const simulator = await startSimulator(toSimulatorOptions(options));
  try {
    const { host, smtpPort, httpPort, sitePorts } = simulator;
    const addresses = { smtp: `${host}:${smtpPort}`, journal: `http://${host}:${httpPort}`, sitePorts };
    context.print(`${JSON.stringify(addresses)}\n`);
    await untilAborted(context.interrupted);
  } finally {
    await simulator.stop();
  }
}

/** What the command line says, for `startSimulator`. */
export function toSimulatorOptions(options: SimulatorCommandOptions): SimulatorOptions {
  const { host, smtpPort, httpPort, sitePort, tls, auth, entries, keepRaw } = options;
  return {
    host,
    smtpPort,
    httpPort,
    sitePorts: sitePort,
    tls: { mode: tls },
    auth,
    entriesMax: entries,
    keepRaw: keepRaw !== undefined,
    rawBytesMax: (typeof keepRaw === 'number' ? keepRaw : RAW_MEBIBYTES) * MEBIBYTE,
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const parseNumber =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value <= max) return value;
    throw new InvalidArgumentError(`a whole number from 0 to ${max} is expected`);
  };

function parseSitePort(text: string, before: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const [, site, port] = /^([^=]+)=(\d+)$/.exec(text) ?? [];
  if (site === undefined || port === undefined) throw new InvalidArgumentError('such as google.test=2526');
  return { ...before, [site]: parseNumber(PORT_MAX)(port) };
}

function parseCredentials(text: string): SimulatorCredentials {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new InvalidArgumentError('user:password is expected');
  return { user: text.slice(0, colon), pass: text.slice(colon + 1) };
}

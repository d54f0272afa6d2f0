import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { DATA_DIRECTORY } from '../data-directory.ts';
import { readStatus, type Status } from '../status-file.ts';

interface StatusOptions {
  readonly data: string;
  readonly json?: true;
}

/** `postlane status`: what `postlane up` started, and where to look. */
export function register(program: Command, context: CliContext): void {
  program
    .command('status')
    .summary('show what `up` started, and where to look')
    .description('Shows the addresses and processes of a running `postlane up`. Fails where none runs.')
    .option('--data <dir>', 'its data directory', DATA_DIRECTORY)
    .option('--json', 'as one JSON object')
    .action(async (options: StatusOptions) => {
      const status = await readStatus(options.data);
      context.print(options.json ? `${JSON.stringify(status, null, 2)}\n` : statusTable(status));
    });
}

/** One line per address, then one per process. */
export function statusTable(status: Status): string {
  const { dkimRecords, processes, regions = [], ...addresses } = status;
  const rows = [
    ...Object.entries(addresses).map(([name, value]) => [name, value === null ? '-' : String(value)] as const),
    ...regions.flatMap(({ name, api, submission }) => [
      [`api ${name}`, api] as const,
      [`submission ${name}`, submission] as const,
    ]),
    ...Object.entries(dkimRecords).map(([name, text]) => [`dkim ${name}`, text] as const),
    ...processes.map(({ role, pid }) => [`process ${role}`, String(pid)] as const),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

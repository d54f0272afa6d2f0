import type { ProcessContext } from '../../src/cli/context.ts';
import { runProgram } from '../../src/cli/program.ts';

export interface CliRun {
  readonly status: number;
  readonly printed: string;
  readonly told: readonly string[];
}

/** Runs a command line within this process, as `postlane …` would. */
export async function runCli(
  args: readonly string[],
  over: Partial<ProcessContext> & { readonly onPrint?: (text: string) => void },
): Promise<CliRun> {
  const printed: string[] = [];
  const told: string[] = [];
  const status = await runProgram(args, {
    environment: {},
    workingDirectory: process.cwd(),
    self: [process.execPath, 'main.ts'],
    print: (text) => {
      printed.push(text);
      over.onPrint?.(text);
    },
    tell: (line) => told.push(line),
    roles: {},
    interrupted: new AbortController().signal,
    ...over,
  });
  return { status, printed: printed.join(''), told };
}

import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What the benchmark was told. `--help` prints the usage and ends the process; what is not understood does so with status 2. */
export function commandLine<const T extends Options>(usage: string, options: T) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } as T & HelpOption });
    if (!(values as { readonly help?: boolean }).help) return values;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    return misused((error as Error).message, usage);
  }
}

/** Says what is wrong with the command line, and ends the process. */
export function misused(what: string, usage: string): never {
  process.stderr.write(`${what}\n${usage}\n`);
  process.exit(2);
}

type HelpOption = { readonly help: { readonly type: 'boolean'; readonly short: 'h' } };

/** A whole number of the command line; ends the process with status 2 where it is none, or too small. */
export function wholeNumber(name: string, text: string, usage: string, least = 1): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  return misused(`--${name} is a whole number, ${least} or more`, usage);
}

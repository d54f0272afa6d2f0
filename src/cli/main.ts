import { fileURLToPath } from 'node:url';
import { environment } from '../config/environment.ts';
import { runProgram } from './program.ts';
import { roles } from './roles.ts';

/** Status of a process that was ended by Ctrl-C, as shells have it. */
const EXIT_INTERRUPTED = 130;
/** npm passes a Ctrl-C on to us that the terminal has sent us already: what comes so soon is no second wish. */
const SAME_WISH_MS = 1_000;
/** A command is done when its promise settles; a handle that a library forgot must not keep the process. */
const FORGOTTEN_HANDLES_MS = 1_000;

const interruption = new AbortController();
let interruptedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!interruption.signal.aborted) interruptedAt = performance.now();
    // Asked again: at once. Guards end what we started.
    else if (performance.now() - interruptedAt > SAME_WISH_MS) process.exit(EXIT_INTERRUPTED);
    interruption.abort();
  });
}
// The terminal has gone, perhaps because npm ended before us at a Ctrl-C: that is one wish to end, never a second.
process.on('SIGHUP', () => interruption.abort());
process.stderr.on('error', () => undefined);
// A reader that has seen enough, such as `head`, closes the pipe: that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

/** Asks on standard error: standard output is for results. */
async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal: interruption.signal });
  } finally {
    terminal.close();
  }
}

process.exitCode = await runProgram(process.argv.slice(2), {
  environment: environment(),
  workingDirectory: process.cwd(),
  self: [process.execPath, fileURLToPath(import.meta.url)],
  print: (text) => process.stdout.write(text),
  tell: (line) => process.stderr.write(`${line}\n`),
  ...(process.stdin.isTTY && { ask }),
  roles,
  interrupted: interruption.signal,
});
setTimeout(() => process.exit(), FORGOTTEN_HANDLES_MS).unref();

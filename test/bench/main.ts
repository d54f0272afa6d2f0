import { readOptions } from './options.ts';
import { Workshop } from './workshop.ts';

/** `npm run bench`: what was measured on standard output, progress on standard error. */
const options = readOptions();
const workshop = await Workshop.open();
const end = (status: number): void => {
  // What still waits for a process that is ended now must not have the last word.
  process.on('uncaughtException', () => undefined);
  void workshop.close().finally(() => process.exit(status));
};
process.once('SIGINT', () => end(130));
process.once('SIGTERM', () => end(143));
try {
  const bench = {
    throughput: async () => (await import('./throughput.ts')).benchThroughput,
    isolation: async () => (await import('./isolation.ts')).benchIsolation,
    templated: async () => (await import('./templated.ts')).benchTemplated,
    memory: async () => (await import('./memory.ts')).benchMemory,
  }[options.mode];
  const summary = await (await bench())(workshop, options);
  if (options.json) workshop.print(JSON.stringify(summary));
} finally {
  await workshop.close();
}

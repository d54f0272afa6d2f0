/**
 * Put in front of a role with `--import`, beside `--expose-gc`: collects garbage on SIGUSR2 and says so on standard output.
 * Production knows nothing of it.
 */
const SETTLE_MS = 200;
const TIMES = 3;

process.on('SIGUSR2', async () => {
  // What the first collection frees may hold what only a finaliser lets go.
  for (let time = 0; time < TIMES; time++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }
  process.stdout.write('{"collected":true}\n');
});

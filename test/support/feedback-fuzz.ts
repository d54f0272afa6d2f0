import { EVERY_FORMAT, feedbackCorpus, judged, readAny } from './feedback-corpus.ts';
import { mutated } from './feedback-mutations.ts';
import { Random } from './random.ts';

/**
 * Reads mutations of the corpus and measures: `node --expose-gc test/support/feedback-fuzz.ts [count] [seed]`. Fails at an
 * exception, at one reading of more than 100 ms of CPU, and where memory has grown; the property test has the same mutations.
 */
const SLOW_MS_MAX = 100;
const GROWTH_BYTES_MAX = 64 * 1_048_576;

const count = Number(process.argv[2] ?? 20_000);
const seed = Number(process.argv[3] ?? 1);
const samples = feedbackCorpus().map(({ bytes }) => bytes);

const heapBytes = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
/** Of this thread's own work: the machine may be busy with other things. */
const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

async function readOnce(index: number): Promise<number> {
  const random = new Random(seed * 1_000_003 + index);
  const bytes = mutated(samples, random);
  const as = random.pick(EVERY_FORMAT);
  const startedAt = cpuMs();
  const report = await readAny(bytes, as);
  if (report) judged(report);
  return cpuMs() - startedAt;
}

let slowest = { index: -1, ms: 0 };
for (let index = 0; index < 2_000; index++) await readOnce(index); // warm: code is compiled, regular expressions too
const before = heapBytes();
for (let index = 0; index < count; index++) {
  const ms = await readOnce(index);
  if (ms > slowest.ms) slowest = { index, ms };
  if (index % 20_000 === 19_999)
    console.log(`${index + 1} read, slowest ${slowest.ms.toFixed(1)} ms (#${slowest.index})`);
}
const growth = heapBytes() - before;
console.log(
  `${count} read, seed ${seed}: slowest ${slowest.ms.toFixed(1)} ms (#${slowest.index}), heap ${growth} bytes more`,
);
if (slowest.ms > SLOW_MS_MAX || growth > GROWTH_BYTES_MAX) process.exitCode = 1;

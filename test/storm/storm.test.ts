import { environment } from '../../src/config/environment.ts';
import { BLOWS, weather } from '../chaos/faults/storm.ts';
import { Pipeline } from '../support/pipeline.ts';
import { Random } from '../support/random.ts';

const MINUTE_MS = 60_000;
const { POSTLANE_STORM_MINUTES, POSTLANE_STORM_SEED } = environment();
const minutes = Number(POSTLANE_STORM_MINUTES ?? 10);
const seed = Number(POSTLANE_STORM_SEED ?? Date.now() % 1_000_000);
const JOBS = 1_500;
const BLOWS_EACH = 5;

/** The long run of the fault suite: storms of every fault in random order, one after the other, until the time is over. */
it(
  `withstands every fault in random order (--minutes ${minutes} --seed ${seed})`,
  async () => {
    const random = new Random(seed);
    const endAt = performance.now() + minutes * MINUTE_MS;
    const history: string[] = [];
    const pipeline = await Pipeline.open();
    try {
      await pipeline.start(['delay', 'reputation']);
      for (let n = 1; performance.now() < endAt; n++) {
        const blows = Array.from({ length: BLOWS_EACH }, () => random.pick(BLOWS));
        const storm = { prefix: `storm-${n}-`, seed: random.between(0, 1_000_000), jobs: JOBS, blows };
        history.push(`${storm.prefix} seed ${storm.seed}: ${blows.join(', ')}`);
        try {
          const { lost, duplicates, uncertain } = await weather(pipeline, storm);
          history.push(`  lost ${lost}, duplicates ${duplicates}, uncertain ${uncertain}`);
        } catch (error) {
          throw new Error(`${(error as Error).message}\nseed ${seed}; what happened:\n${history.join('\n')}`, {
            cause: error,
          });
        }
      }
      process.stderr.write(`seed ${seed}\n${history.join('\n')}\n`);
    } finally {
      await pipeline.close();
    }
  },
  (minutes + 15) * MINUTE_MS,
);

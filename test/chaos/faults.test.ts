import { Pipeline } from '../support/pipeline.ts';
import { workerKills } from './faults/worker-kills.ts';

/** The short run of the fault suite: one pipeline, one fault after the other, each judged by the oracle before the next. */
describe('faults', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await Pipeline.open();
    await pipeline.start(['router', 'delay', 'reputation']);
  }, 240_000);
  afterAll(() => pipeline?.close(), 120_000);

  workerKills(() => pipeline);
});

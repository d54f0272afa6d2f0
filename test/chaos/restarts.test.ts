import { Pipeline } from '../support/pipeline.ts';
import { brokerRestarts } from './faults/broker.ts';
import { randomKills } from './faults/random-kills.ts';
import { redisRestarts } from './faults/redis.ts';

/** What takes longer than `npm test` may: the infrastructure dies, and processes die again and again. */
describe('restarts', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await Pipeline.open();
    await pipeline.start(['router', 'delay', 'reputation']);
  }, 240_000);
  afterAll(() => pipeline?.close(), 120_000);

  redisRestarts(() => pipeline);
  brokerRestarts(() => pipeline);
  randomKills(() => pipeline);
});

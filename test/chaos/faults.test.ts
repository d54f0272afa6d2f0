import { Pipeline } from '../support/pipeline.ts';
import { abortedTransactions } from './faults/aborted.ts';
import { credentialRotations } from './faults/credentials.ts';
import { gracefulChanges } from './faults/graceful.ts';
import { poison } from './faults/poison.ts';
import { routerKills } from './faults/router-kills.ts';
import { smtpFaults } from './faults/smtp.ts';
import { workerKills } from './faults/worker-kills.ts';
import { zombies } from './faults/zombie.ts';

/** The short run of the fault suite: one pipeline, one fault after the other, each judged by the oracle before the next. */
describe('faults', () => {
  let pipeline: Pipeline;

  beforeAll(async () => {
    pipeline = await Pipeline.open();
    await pipeline.start(['router', 'delay', 'reputation']);
  }, 240_000);
  afterAll(() => pipeline?.close(), 120_000);

  workerKills(() => pipeline);
  routerKills(() => pipeline);
  abortedTransactions(() => pipeline);
  zombies(() => pipeline);
  smtpFaults(() => pipeline);
  poison(() => pipeline);
  gracefulChanges(() => pipeline);
  credentialRotations(() => pipeline);
});

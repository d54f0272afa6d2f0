import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES, type EmailType } from '../../src/domain/policy.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import type { SeenStore } from '../../src/runtime/seen-port.ts';
import { StoreHome } from '../../src/store/home.ts';
import { LmdbSeenStore } from '../../src/store/seen-store.ts';
import { aJob, aPayload } from '../../src/testing/builders.ts';
import type { Fault } from '../../src/testing/driver.ts';
import type { MemoryCluster } from '../../src/testing/memory-log.ts';
import { MemorySeenStore } from '../../src/testing/memory-seen-store.ts';
import { routerOver, Stores, whereabouts } from '../support/routing.ts';
import { NOW, publish, run, suppressed, world } from '../support/routing-world.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

describe('the router, whatever crashes', () => {
  const job = fc.record({
    id: fc.integer({ min: 0, max: 12 }).map((n) => `job-${n}`),
    type: fc.constantFrom<EmailJob['type'][]>('transactional', 'marketing', 'marketing', 'unknown'),
    recipient: fc.constantFrom('a@google.test', 'b@inbox.example', 'gone@inbox.example', 'broken'),
    subject: fc.constantFrom('one', 'one', 'one', 'two'),
    sendAt: fc.constantFrom(null, null, NOW + HOUR_MS),
    expiresAt: fc.constantFrom(null, null, NOW - 1),
    partition: fc.integer({ min: 0, max: 2 }),
    topic: fc.constantFrom<EmailType[]>('transactional', 'marketing'),
  });
  const fault = fc.record({
    commit: fc.constantFrom<Fault['commit'][]>('none', 'none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
    crash: fc.boolean(),
  });

  let directory: string;
  let home: StoreHome;
  let made = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-router-'));
    home = await StoreHome.open(directory);
  });
  afterAll(async () => {
    await home.close();
    await rm(directory, { recursive: true });
  });

  it.each<[string, boolean, () => SeenStore, number]>([
    ['kept', false, () => new MemorySeenStore(), 80],
    ['lost at every crash', true, () => new MemorySeenStore(), 80],
    ['on disk', false, () => new LmdbSeenStore(home, `${made++}`), 20],
  ])('loses no job and lets none through twice (store %s)', async (_, lost, make, numRuns) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(job, { minLength: 1, maxLength: 40 }),
        fc.array(fault, { maxLength: 25 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
        async (jobs, faults, batchSizes) => {
          const w = { ...world(3), stores: new Stores(make) };
          w.views.suppressions.set('recipient:gone@inbox.example', suppressed('gone@inbox.example'));
          for (const { subject, partition, topic, ...over } of jobs) {
            publish(w, aJob({ ...over, payload: aPayload({ subject }) }), { partition, topic });
          }
          const define = routerOver(w.cluster, w.views, w.stores);
          const telemetry = await run(w, {
            faults,
            batchSizes,
            waitMaxMs: 10 * MINUTE_MS,
            define: () => {
              if (lost) w.stores.lose();
              return define();
            },
          });
          const { lanes, ladder, results, deadLetters } = whereabouts(w.cluster);
          // An unknown type is told apart where it came in, so it counts as another job.
          const place = ({ id, type }: { id: string; type: string }, topic: string) =>
            `${id} ${type === 'unknown' ? topic : type}`;
          const expected = new Set(jobs.map((one) => place(one, one.topic)));
          const ended = results.map(({ jobId, type }, n) =>
            type === 'unknown' ? `${jobId} ${resultTopics(w.cluster)[n]}` : `${jobId} ${type}`,
          );
          const through = [...lanes, ...ladder].map(({ job: { id, type } }) => `${id} ${type}`);
          expect([...through, ...ended].sort()).toEqual([...expected].sort());
          // Whatever was neither let through nor ended was a twin: dropped, or named as reused.
          const reused = deadLetters.filter(({ reason }) => reason === 'id-reused').length;
          const duplicates = telemetry.sum('postlane_decisions_total{"processor":"router","decision":"duplicate"}');
          // A commit that landed and was not believed is not counted, hence at most.
          expect(duplicates + reused).toBeLessThanOrEqual(jobs.length - expected.size);
          expect(deadLetters.filter(({ reason }) => reason === 'step-threw')).toEqual([]);
        },
      ),
      { numRuns },
    );
  });
});

/** The type in the name of the results topic that each result lies in, in the order of `whereabouts`. */
const resultTopics = (cluster: MemoryCluster): string[] =>
  EMAIL_TYPES.flatMap((type) => cluster.all(topics.results(type).name).map(() => type));

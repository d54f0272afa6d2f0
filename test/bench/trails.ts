/** `node test/bench/trails.ts [mails]`: what the trail of a mail costs on disk, and how fast it is kept. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foldAccepted, foldResult, indexesOf, lastOf, orderOf } from '../../processors/tracker/step.ts';
import { completeJob } from '../../src/domain/job-input.ts';
import { ending } from '../../src/domain/results.ts';
import type { Trail } from '../../src/domain/trail.ts';
import { newIds } from '../../src/host/new-ids.ts';
import { IndexedStore } from '../../src/store/indexed-store.ts';

const mails = Number(process.argv[2] ?? 100_000);
const BATCH = 500;

const directory = mkdtempSync(join(tmpdir(), 'postlane-trails-'));
const store = await IndexedStore.open<Trail>({ directory, indexesOf, orderOf, lastOf });
const newId = newIds();
const facts = {
  source: 'transactional-1',
  site: 'inbox.example',
  smtpCode: 250,
  enhancedCode: '2.0.0',
  reply: 'OK queued as 4F2A',
  messageId: '<0123456789abcdef@shop.example>',
};
const startedAt = performance.now();
for (let start = 0; start < mails; start += BATCH) {
  const jobs = Array.from({ length: BATCH }, (_, n) =>
    completeJob(
      {
        id: newId(),
        type: 'marketing',
        recipient: `user-${start + n}@inbox.example`,
        tags: ['news'],
        campaign: 'spring',
        metadata: { order: '4711' },
      },
      newId,
    ),
  );
  const keep = (fold: (trail: Trail | null, n: number) => Trail, offset: number) =>
    store.apply('t', new Map(jobs.map((job, n) => [job.id, fold(store.get(job.id), n)])), new Map([[0, offset]]));
  keep((trail, n) => foldAccepted(trail, jobs[n] as never, Date.now()), start);
  keep((trail, n) => foldResult(trail, ending(jobs[n] as never, 'sent', 1, Date.now(), facts)), start);
}
const seconds = (performance.now() - startedAt) / 1_000;
await store.close();
const bytes = statSync(join(directory, 'data.mdb')).size;
console.log(`${mails} mails: ${Math.round(bytes / mails)} bytes each on disk, ${Math.round(mails / seconds)} mails/s`);
rmSync(directory, { recursive: true, force: true });

import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTracker } from '../../../processors/tracker/main.ts';
import { FollowThread } from '../../../processors/tracker/thread.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { completeJob } from '../../../src/domain/job-input.ts';
import type { Infra } from '../../../src/infra/provider.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import { TestApi } from '../../support/api.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { silentTelemetry } from '../../support/silent-telemetry.ts';
import { until } from '../../support/until.ts';

const threadName = (id: number): string => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim();

/** Niceness of this process's threads of a name: field 19 of their stat, counted after the parenthesised name, which is field 2. */
const nicenessOf = (name: string): readonly number[] =>
  readdirSync('/proc/self/task')
    .filter((id) => threadName(Number(id)) === name)
    .map((id) => {
      const stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19 - 3]);
    });

describe('trails that a thread follows', () => {
  let infra: Infra;
  let api: TestApi;
  let appender: Publisher;
  let directory: string;
  const tenant = `tenant-${Date.now()}`;

  const accept = async (): Promise<string> => {
    const id = randomUUID();
    const payload = { from: 'shop@shop.example', subject: 'Order', text: 'Thank you.' };
    const job = completeJob({ id, tenant, type: 'marketing', recipient: 'ada@inbox.example', payload }, randomUUID);
    const topic = topics.ingest('marketing');
    await appender.append([{ topic: topic.name, key: id, value: api.host.codec.encode(topic, job) }]);
    return id;
  };
  const task = () => ({
    brokers: infra.brokers,
    clientId: 'test-trails',
    region: null,
    registryUrl: infra.schemaRegistryUrl,
    jobBytesMax: api.host.config.job.bytesMax,
    directory: join(directory, randomUUID()),
    retentionMs: api.host.config.api.retentionMs,
  });

  beforeAll(async () => {
    infra = await startTestInfra();
    await provision(infra);
    api = await TestApi.start(infra);
    appender = new Publisher({ kafka: api.host.kafka });
    directory = await mkdtemp(join(tmpdir(), 'postlane-trails-'));
  });
  afterAll(async () => {
    await appender?.close();
    await api?.stop();
    await infra?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('gives way to the thread that asks it, and that one to nobody', async () => {
    const thread = await FollowThread.start(task(), silentTelemetry);
    try {
      const own = getPriority();
      expect(new Set(nicenessOf('trails'))).toEqual(new Set([Math.max(own, 10)]));
      expect(nicenessOf(threadName(process.pid))).toContain(own);
    } finally {
      await thread.stop();
    }
  });

  it('knows what was accepted before it is asked, says that there is none only then, and tells how stale it is', async () => {
    const gauges = new Set<string>();
    const telemetry = { ...silentTelemetry, gauge: (name: string) => void gauges.add(name) };
    const tracker = await openTracker({ ...api.host, telemetry }, join(directory, 'own'));
    try {
      for (let n = 0; n < 20; n++) {
        const id = await accept();
        expect(await tracker.await(tenant, id, 30_000)).toMatchObject({ id, tenant });
      }
      expect(await tracker.await(tenant, randomUUID(), 30_000)).toBeNull();
      expect(tracker.list(tenant, {}, 100, null)?.trails).toHaveLength(20);
      await until(
        'the gauges of the thread',
        () => gauges.has('postlane_view_staleness_ms') && gauges.has('postlane_trails'),
      );
    } finally {
      await tracker.stop();
    }
  });

  it('says so when the thread dies, and knows of nothing any more', async () => {
    const thread = await FollowThread.start(task(), silentTelemetry);
    const asked = thread.current(30_000);
    // biome-ignore lint/complexity/useLiteralKeys: a thread that dies is not to be had otherwise
    await thread['worker'].terminate();
    expect(await thread.dead).toMatchObject({ code: 'STOPPED' });
    await asked;
    expect(await thread.current(30_000)).toBe(false);
    await thread.stop();
  });

  it('is not dead when it was stopped, and may be stopped twice', async () => {
    const thread = await FollowThread.start(task(), silentTelemetry);
    await Promise.all([thread.stop(), thread.stop()]);
    expect(await Promise.race([thread.dead, 'alive'])).toBe('alive');
  });

  it('does not start where the thread cannot open its store', async () => {
    const unusable = { ...task(), directory: join(import.meta.filename, 'none') };
    await expect(FollowThread.start(unusable, silentTelemetry)).rejects.toMatchObject({ code: 'STOPPED' });
  });
});

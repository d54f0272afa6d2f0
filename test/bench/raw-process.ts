import { topics } from '../../src/contracts/topic.ts';
import { completeJob } from '../../src/domain/job-input.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import { serve } from './processes.ts';

interface Settings {
  readonly brokers: readonly string[];
  readonly schemaRegistryUrl: string;
  readonly template: string;
}

const BATCH = 500;
const BATCHES = 40;
/** Requests under way, as with an import. */
const UNDER_WAY = 4;

/** Appends jobs like those of an import, encoded beforehand, as fast as they are acknowledged by all in-sync replicas. */
serve<Settings, { readonly count: number }, { readonly perSecond: number; readonly cpuMicrosPerJob: number }>(
  async (settings) => {
    const { brokers, schemaRegistryUrl: url, template } = settings;
    // Of notifications, whose topic nobody looks through.
    const topic = topics.ingest('notification');
    const codec = await openRegistryCodec({ url, encodes: [topic], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
    const publisher = new Publisher({ kafka: await createKafka({ brokers, clientId: 'postlane-bench-raw' }) });
    const batches = Array.from({ length: BATCHES }, (_, batch) =>
      Array.from({ length: BATCH }, (_, n): LogRecord => {
        const line = batch * BATCH + n;
        const mergeData = { first_name: `First${line}`, last_name: `Last, ${line}`, city: `City ${line % 1_000}` };
        const job = completeJob(
          {
            id: `bench-import:${line}`,
            type: 'notification',
            recipient: `user${line}@inbox.example`,
            templateId: template,
            templateVersion: 1,
            mergeData,
          },
          () => '',
        );
        return { topic: topic.name, key: job.id, value: codec.encode(topic, job) };
      }),
    );
    return {
      async answer({ count }) {
        const startedAt = performance.now();
        const before = process.cpuUsage();
        const underWay: Promise<unknown>[] = [];
        for (let n = 0; n * BATCH < count; n++) {
          if (underWay.length >= UNDER_WAY) await underWay.shift();
          underWay.push(publisher.append(batches[n % BATCHES] as LogRecord[]));
        }
        await Promise.all(underWay);
        const { user, system } = process.cpuUsage(before);
        const perSecond = Math.round((count / (performance.now() - startedAt)) * 1_000);
        return { perSecond, cpuMicrosPerJob: Math.round(((user + system) / count) * 10) / 10 };
      },
      close: () => publisher.close(),
    };
  },
);

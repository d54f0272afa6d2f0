import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../src/host/clock.ts';
import { giveWay } from '../../src/infra/give-way.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import type { Telemetry } from '../../src/runtime/ports.ts';
import { followTrails } from './follow.ts';

/** What the thread is started with: copies, so that nothing is shared but the store's files. */
export interface FollowTask {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly region: string | null;
  readonly registryUrl: string;
  readonly jobBytesMax: number;
  readonly directory: string;
  readonly retentionMs: number;
}

/** What the thread is asked. */
export type FollowRequest =
  | { readonly kind: 'current'; readonly asked: number; readonly withinMs: number }
  | { readonly kind: 'stop' };

type Labels = Readonly<Record<string, string>>;

/** What the thread says. */
export type FollowReport =
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'current'; readonly asked: number; readonly isCurrent: boolean }
  | {
      readonly kind: 'count' | 'gauge' | 'observe';
      readonly name: string;
      readonly value: number;
      readonly labels: Labels;
    }
  | {
      readonly kind: 'log';
      readonly level: Parameters<Telemetry['log']>[0];
      readonly message: string;
      readonly facts: string;
    };

/** Trails may be a moment late; whoever hands a mail in waits for its sibling, the thread of the requests. */
const NICENESS = 10;

type Port = NonNullable<typeof parentPort>;

const telemetryOver = (tell: (report: FollowReport) => void): Telemetry => ({
  count: (name, labels = {}, by = 1) => tell({ kind: 'count', name, value: by, labels }),
  gauge: (name, value, labels = {}) => tell({ kind: 'gauge', name, value, labels }),
  observe: (name, value, labels = {}) => tell({ kind: 'observe', name, value, labels }),
  log: (level, message, facts = {}) => tell({ kind: 'log', level, message, facts: JSON.stringify(facts, plain) }),
});

/** Errors say nothing as JSON. */
const plain = (_: string, value: unknown): unknown => (value instanceof Error ? String(value) : value);

async function run(port: Port, task: FollowTask): Promise<void> {
  // Linux means this thread alone, with those that it will begin; another system the whole process, the door with it.
  if (process.platform === 'linux') giveWay(NICENESS);
  const tell = (report: FollowReport): void => port.postMessage(report);
  const telemetry = telemetryOver(tell);
  const { brokers, clientId, region, registryUrl: url, jobBytesMax } = task;
  const codec = await openRegistryCodec({ url, region, encodes: [], jobBytesMax });
  const kafka = await createKafka({
    region,
    brokers,
    clientId,
    log: (level, message, facts) => telemetry.log(level, message, facts),
  });
  const trails = await followTrails({ ...task, kafka, codec, clock: systemClock, telemetry });
  port.on('message', (request: FollowRequest) => {
    if (request.kind === 'current') {
      const { asked, withinMs } = request;
      void trails.current(withinMs).then((isCurrent) => tell({ kind: 'current', asked, isCurrent }));
    } else void trails.stop().then(() => port.close());
  });
  tell({ kind: 'caught-up' });
}

if (parentPort) await run(parentPort, workerData as FollowTask);

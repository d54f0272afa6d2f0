import { KafkaIntake } from '../kafka/intake.ts';
import type { Task } from '../runtime/ports.ts';
import type { StreamDefinition } from '../runtime/processor.ts';
import { StreamProcessor, type StreamProcessorOptions } from '../runtime/stream-processor.ts';
import { drainMsOf, type Host, type Hosted } from './host.ts';

/** Runs a stream definition as a member of a consumer group. */
export async function hostStream<V>(
  host: Host,
  group: string,
  definition: StreamDefinition<V>,
  options: Pick<StreamProcessorOptions<V>, 'restMs'> & {
    readonly batchMax: number;
    /** Told of every generation's tasks, before any batch of it. */
    readonly onAssigned?: (tasks: readonly Task[]) => void;
  },
): Promise<Hosted> {
  const { kafka, log, members, codec, clock, telemetry, config } = host;
  const intake = new KafkaIntake({
    kafka,
    group,
    members,
    topics: definition.inputs.map(({ name }) => name),
    telemetry,
    sessionTimeoutMs: config.kafka.sessionTimeoutMs,
    rebalanceTimeoutMs: config.kafka.rebalanceTimeoutMs,
    heartbeatMs: config.kafka.heartbeatIntervalMs,
    drainMs: drainMsOf(config),
    batchRecordsMax: options.batchMax,
  });
  const processor = new StreamProcessor<V>({
    definition,
    log,
    codec,
    clock,
    telemetry,
    intake,
    restMs: options.restMs,
  });
  await intake.start({
    assigned(tasks, generation) {
      options.onAssigned?.(tasks);
      return processor.assigned(tasks, generation);
    },
    revoking: () => processor.revoking(),
    batch: (task, records) => processor.batch(task, records),
  });
  return {
    name: definition.name,
    dead: intake.dead,
    idleMs: () => intake.idleMs(),
    async stop() {
      await intake.stop();
      await processor.stop();
    },
  };
}

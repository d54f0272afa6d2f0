import type { QueuePolicy } from '../domain/policy.ts';
import { KafkaIntake } from '../kafka/intake.ts';
import { EffectProcessor } from '../runtime/effect-processor.ts';
import type { EffectDefinition, InFlight } from '../runtime/effects.ts';
import type { IntakeHandler, Task } from '../runtime/ports.ts';
import { failpoint } from './failpoints.ts';
import { drainMsOf, type Host, type Hosted } from './host.ts';

/** Of a drain's time, what the group's own leaving may take. */
const DRAIN_SHARE = 0.9;

export interface EffectHostOptions {
  readonly policy: QueuePolicy;
  readonly inFlight: InFlight;
  readAheadMax(): { readonly units: number; readonly bytes: number };
  /** Told at every assignment which tasks are ours. */
  readonly onAssigned: (tasks: readonly Task[]) => void;
  /** Waited for before tasks are given up, once what was in flight has settled. */
  readonly onDrained?: () => Promise<void>;
}

/** Runs an effect definition as a member of a consumer group. */
export async function hostEffects<V, U extends object, R>(
  host: Host,
  group: string,
  definition: EffectDefinition<V, U, R>,
  options: EffectHostOptions,
): Promise<Hosted & { pausedLanes(): number }> {
  const { kafka, log, members, codec, clock, telemetry, config } = host;
  const drainMs = drainMsOf(config);
  const intake = new KafkaIntake({
    kafka,
    group,
    members,
    topics: definition.inputs.map(({ name }) => name),
    telemetry,
    sessionTimeoutMs: config.kafka.sessionTimeoutMs,
    rebalanceTimeoutMs: config.kafka.rebalanceTimeoutMs,
    heartbeatMs: config.kafka.heartbeatIntervalMs,
    drainMs,
  });
  let fail: (error: Error) => void = () => undefined;
  const fatal = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  const processor = new EffectProcessor<V, U, R>({
    definition,
    log,
    codec,
    clock,
    telemetry,
    intake,
    inFlight: options.inFlight,
    tickMs: options.policy.tickMs,
    readAheadMax: () => options.readAheadMax(),
    onFatal: (error) => fail(error instanceof Error ? error : new Error(String(error))),
    failpoint,
  });
  const handler: IntakeHandler = {
    async assigned(tasks, generation) {
      options.onAssigned(tasks);
      await processor.assigned(tasks, generation);
    },
    async revoking(deadlineMs) {
      await processor.revoking(deadlineMs);
      await options.onDrained?.();
    },
    batch: (task, records) => processor.batch(task, records),
  };
  await intake.start(handler);
  return {
    name: `${definition.name}.${options.policy.queue}`,
    dead: Promise.race([intake.dead, fatal]),
    idleMs: () => intake.idleMs(),
    pausedLanes: () => processor.pausedLanes(),
    async stop() {
      await intake.stop();
      await processor.stop(drainMs * DRAIN_SHARE);
    },
  };
}

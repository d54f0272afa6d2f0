import { assert } from '../domain/error.ts';
import type { Codec } from '../runtime/codec.ts';
import type { Intake, Task } from '../runtime/ports.ts';
import { taskId } from '../runtime/ports.ts';
import type { StreamDefinition } from '../runtime/processor.ts';
import { StreamProcessor } from '../runtime/stream-processor.ts';
import { type CommitFault, type MemoryCluster, MemoryLog } from './memory-log.ts';
import { RecordingTelemetry } from './recording-telemetry.ts';
import { settled, type VirtualClock } from './virtual-clock.ts';

/** A fault is an input: what the next commit meets, and whether the process dies with it. */
export interface Fault {
  readonly commit: CommitFault;
  readonly crash: boolean;
}

export interface DriveOptions<V> {
  readonly cluster: MemoryCluster;
  /** Made anew for every incarnation of the process: what a crash forgets, it forgets. */
  readonly define: () => StreamDefinition<V>;
  readonly codec: Codec;
  readonly clock: VirtualClock;
  readonly group: string;
  /** Sizes of the batches in turn; the last one repeats. */
  readonly batchSizes?: readonly number[];
  /** Met by the commits in turn; after the last one there are none. */
  readonly faults?: readonly Fault[];
  /** Gates are waited for on the virtual clock, up to this long in all. 0: stop at the first gate. */
  readonly waitMaxMs?: number;
}

/** Flow control that the driver obeys. */
class DrivenIntake implements Pick<Intake, 'pause' | 'resume' | 'seek' | 'rejoin'> {
  readonly paused = new Set<string>();
  pause(task: Task): void {
    this.paused.add(taskId(task));
  }
  resume(task: Task): void {
    this.paused.delete(taskId(task));
  }
  rejoin(): void {}
  seek(): void {
    assert(false, 'a stream processor answers where to go on; it does not seek');
  }
}

/** Bounds a drive that makes no progress: a bug, not an endless test. */
const ROUNDS_MAX = 1_000_000;

/**
 * Runs the real `StreamProcessor` over a `MemoryLog` until its inputs are used up: the same code path as production,
 * with faults as inputs. Answers the telemetry of all incarnations.
 */
export async function drive<V>(options: DriveOptions<V>): Promise<RecordingTelemetry> {
  const { cluster, clock, batchSizes = [10], faults = [] } = options;
  const telemetry = new RecordingTelemetry();
  const pendingFaults = [...faults];
  const positions = new Map<string, number>();
  let crashed = false;
  let batches = 0;
  const nextFault = (): CommitFault => {
    const fault = pendingFaults.shift();
    if (fault?.crash) crashed = true;
    return fault?.commit ?? 'none';
  };
  const start = () => {
    const intake = new DrivenIntake();
    const log = new MemoryLog(cluster, nextFault);
    const definition = options.define();
    const processor = new StreamProcessor<V>({ definition, log, codec: options.codec, clock, telemetry, intake });
    return { intake, processor, definition };
  };
  let running = start();
  const tasks: Task[] = running.definition.inputs.flatMap((topic) =>
    cluster.partitions(topic.name).map((_, partition) => ({ group: options.group, topic: topic.name, partition })),
  );
  await running.processor.assigned(tasks, 1);
  const deadline = clock.now() + (options.waitMaxMs ?? 0);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let progressed = false;
    for (const task of tasks) {
      if (running.intake.paused.has(taskId(task))) continue;
      const size = batchSizes[Math.min(batches, batchSizes.length - 1)] ?? 1;
      const position = positions.get(taskId(task)) ?? 0;
      const records = cluster.read(task.topic, task.partition, position, size);
      if (records.length === 0) continue;
      batches++;
      cluster.now = clock.now();
      positions.set(taskId(task), await running.processor.batch(task, records));
      progressed = true;
      if (crashed) {
        crashed = false;
        running = start();
        positions.clear();
        await running.processor.assigned(tasks, 1);
      }
    }
    if (progressed) continue;
    const wake = clock.nextWake();
    if (running.intake.paused.size === 0 || wake === null || wake > deadline) break;
    await clock.advanceTo(wake);
    cluster.now = clock.now();
    await settled();
  }
  await running.processor.stop();
  return telemetry;
}

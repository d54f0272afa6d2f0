import { assert, PostlaneError } from '../domain/error.ts';
import type { Codec } from '../runtime/codec.ts';
import { EffectProcessor } from '../runtime/effect-processor.ts';
import { type EffectDefinition, InFlight } from '../runtime/effects.ts';
import type { Log, Task } from '../runtime/ports.ts';
import { taskId } from '../runtime/ports.ts';
import { type CommitFault, type MemoryCluster, MemoryLog } from './memory-log.ts';
import { RecordingTelemetry } from './recording-telemetry.ts';
import { settled, type VirtualClock } from './virtual-clock.ts';

/** The log is away for a while: nothing can be committed, the group is lost and joined again, and the process lives on. */
export interface Blip {
  readonly afterMs: number;
  readonly drainMs: number;
}

/** How one incarnation of a process ends: it dies or drains after so long, or runs until nothing moves any more. */
export interface Life {
  readonly endsAfterMs: number | null;
  readonly graceful: boolean;
  readonly blip?: Blip;
}

export interface EffectDriveOptions<V, U extends object, R> {
  readonly cluster: MemoryCluster;
  /** Made anew for every incarnation. A dead process tells the world nothing: `isAlive` says when. */
  readonly define: (isAlive: () => boolean) => EffectDefinition<V, U, R>;
  readonly codec: Codec;
  readonly clock: VirtualClock;
  readonly group: string;
  readonly batchSize?: number;
  readonly inFlightMax?: number;
  /** Of every incarnation, where something else shares it; else each has one of its own. */
  readonly inFlight?: InFlight;
  readonly tickMs?: number;
  /** Met by the commits in turn; after the last one there are none. */
  readonly faults?: readonly CommitFault[];
  /** After the last one a life without end follows. */
  readonly lives?: readonly Life[];
  /** A life without end is over once nothing was read and nothing was due for so long. */
  readonly quietMs?: number;
}

const POLL_MS = 1;
const READ_AHEAD_MAX = 20;
/** Of a member that joins again. */
const DRAIN_MS = 5_000;

/** Runs the real `EffectProcessor` over a `MemoryLog`, with crashes, drains and failing commits as inputs. */
export async function driveEffects<V, U extends object, R>(
  options: EffectDriveOptions<V, U, R>,
): Promise<RecordingTelemetry> {
  const telemetry = new RecordingTelemetry();
  const faults = [...(options.faults ?? [])];
  const lives = [...(options.lives ?? []), { endsAfterMs: null, graceful: true }];
  for (const life of lives) if ((await live(options, telemetry, faults, life)) === 'finished') break;
  return telemetry;
}

async function live<V, U extends object, R>(
  options: EffectDriveOptions<V, U, R>,
  telemetry: RecordingTelemetry,
  faults: CommitFault[],
  life: Life,
): Promise<'ended' | 'finished'> {
  const { cluster, clock, codec } = options;
  let alive = true;
  let away = false;
  let wantsToRejoin = false;
  const fatal: unknown[] = [];
  const paused = new Set<string>();
  const definition = options.define(() => alive);
  const inFlight = options.inFlight ?? new InFlight(options.inFlightMax ?? 4);
  const processor = new EffectProcessor<V, U, R>({
    definition,
    log: mortal(
      new MemoryLog(cluster, () => faults.shift() ?? 'none'),
      () => alive,
      () => away,
    ),
    codec,
    clock,
    telemetry,
    intake: {
      pause: (task) => paused.add(taskId(task)),
      resume: (task) => paused.delete(taskId(task)),
      rejoin: () => {
        wantsToRejoin = true;
      },
      seek: () => assert(false, 'an effect processor answers where to go on; it does not seek'),
    },
    inFlight,
    tickMs: options.tickMs ?? 5,
    readAheadMax: () => ({ units: READ_AHEAD_MAX, bytes: 1_000_000 }),
    onFatal: (error) => fatal.push(error),
  });
  const tasks: Task[] = definition.inputs.flatMap((topic) =>
    cluster.partitions(topic.name).map((_, partition) => ({ group: options.group, topic: topic.name, partition })),
  );
  const positions = new Map<string, number>();
  const join = async (): Promise<void> => {
    cluster.regroup();
    positions.clear();
    await processor.assigned(tasks, cluster.generation);
    wantsToRejoin = false;
  };
  await join();
  const endsAt = life.endsAfterMs === null ? null : clock.now() + life.endsAfterMs;
  let quietSince = clock.now();
  let blip = life.blip ?? null;
  const bornAt = clock.now();
  while (clock.now() - quietSince < (options.quietMs ?? 400)) {
    if (fatal.length > 0) throw fatal[0];
    if (endsAt !== null && clock.now() >= endsAt) {
      if (life.graceful) await untilDone(processor.stop(5_000), clock);
      alive = false;
      return 'ended';
    }
    if (blip !== null && clock.now() - bornAt >= blip.afterMs) {
      const { drainMs } = blip;
      blip = null;
      away = true;
      await untilDone(processor.revoking(drainMs), clock);
      away = false;
      await join();
      quietSince = clock.now();
    }
    if (wantsToRejoin) {
      await untilDone(processor.revoking(DRAIN_MS), clock);
      await join();
      quietSince = clock.now();
    }
    for (const task of tasks) {
      if (paused.has(taskId(task))) continue;
      const records = cluster.read(
        task.topic,
        task.partition,
        positions.get(taskId(task)) ?? 0,
        options.batchSize ?? 5,
      );
      if (records.length === 0) continue;
      positions.set(taskId(task), await untilDone(processor.batch(task, records), clock));
      quietSince = clock.now();
    }
    await clock.advance(POLL_MS);
    cluster.now = clock.now();
  }
  await untilDone(processor.stop(5_000), clock);
  assert(inFlight.used === 0, 'what is at rest holds nothing', { used: inFlight.used });
  return 'finished';
}

/** A dead process says nothing more to the log; its code here goes on, so it must hang there. */
function mortal(log: Log, isAlive: () => boolean, isAway: () => boolean): Log {
  const ifAlive = <T>(work: () => Promise<T>): Promise<T> => {
    if (!isAlive()) return new Promise<T>(() => undefined);
    return isAway() ? Promise.reject(new PostlaneError('KAFKA_UNAVAILABLE')) : work();
  };
  return {
    open: (task) => ifAlive(() => log.open(task)),
    restore: (...given) => ifAlive(() => log.restore(...given)),
    commit: (task, commit) => ifAlive(() => log.commit(task, commit)),
    declare: (task, position) => ifAlive(() => log.declare(task, position)),
    retire: (task) => (isAway() ? Promise.resolve() : ifAlive(() => log.retire(task))),
  };
}

/** Answers what a promise settles with; moves the clock as long as it does not. */
export async function untilDone<T>(work: Promise<T>, clock: VirtualClock): Promise<T> {
  let done = false;
  const finish = () => {
    done = true;
  };
  work.then(finish, finish);
  for (await settled(); !done; await settled()) await clock.advance(POLL_MS);
  return work;
}

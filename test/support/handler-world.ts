import type { DeliveryResult } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { attempted } from '../../src/domain/results.ts';
import { HandlerConsumer, type HandlerConsumerOptions, type Undecodable } from '../../src/runtime/handler-consumer.ts';
import type { Task } from '../../src/runtime/ports.ts';
import { taskId } from '../../src/runtime/ports.ts';
import { aJob } from '../../src/testing/builders.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { type CommitFault, MemoryCluster, MemoryLog } from '../../src/testing/memory-log.ts';
import { settled, VirtualClock } from '../../src/testing/virtual-clock.ts';

export const TOPIC = topics.results('transactional');
export const GROUP = 'shop';
export const COMMIT_MS = 1_000;

/** One topic with results, and the clock that everybody lives by. */
export class World {
  readonly cluster: MemoryCluster;
  readonly clock = new VirtualClock();
  readonly codec = new MemoryCodec();
  private count = 0;

  constructor(partitions = 1) {
    this.cluster = new MemoryCluster({ partitions });
  }

  append(count: number, partition = 0): void {
    for (let n = 0; n < count; n++) {
      const result = attempted(aJob({ id: `job-${this.count}` }), 1, this.count);
      this.cluster.append({ topic: TOPIC.name, key: result.jobId, value: this.codec.encode(TOPIC, result), partition });
      this.count++;
    }
  }

  appendBytes(value: Buffer | null, partition = 0): void {
    this.cluster.append({ topic: TOPIC.name, key: 'someone', value, partition });
  }

  task(partition = 0): Task {
    return { group: GROUP, topic: TOPIC.name, partition };
  }

  committed(partition = 0): number | undefined {
    return this.cluster.positions.get(taskId(this.task(partition)))?.nextOffset;
  }
}

/** A group member as the intake drives it: batches of unpaused partitions, in rounds. */
export class Member {
  readonly handled: string[] = [];
  readonly unreadable: Undecodable[] = [];
  readonly failures: unknown[] = [];
  readonly paused = new Set<string>();
  readonly consumer: HandlerConsumer<DeliveryResult>;
  rejoins = 0;
  private isDead = false;
  private readonly positions = new Map<string, number>();
  private tasks: readonly Task[] = [];
  private readonly world: World;

  constructor(
    world: World,
    over: Partial<HandlerConsumerOptions<DeliveryResult>> & { readonly nextFault?: () => CommitFault } = {},
  ) {
    this.world = world;
    this.consumer = new HandlerConsumer<DeliveryResult>({
      topics: [TOPIC],
      log: new MemoryLog(world.cluster, over.nextFault),
      codec: world.codec,
      clock: {
        now: () => world.clock.now(),
        sleep: async (ms, signal) => {
          await world.clock.sleep(ms, signal);
          if (this.isDead) await new Promise(() => undefined);
        },
      },
      intake: {
        pause: (task) => this.paused.add(taskId(task)),
        resume: (task) => this.paused.delete(taskId(task)),
        rejoin: () => {
          this.rejoins++;
        },
      },
      handle: (result) => void this.handled.push(result.jobId),
      undecodable: (record) => void this.unreadable.push(record),
      failed: (error) => this.failures.push(error),
      beginAt: null,
      commitMs: COMMIT_MS,
      ...over,
    });
  }

  async join(generation: number, ...partitions: number[]): Promise<void> {
    this.tasks = partitions.map((partition) => this.world.task(partition));
    this.positions.clear();
    await this.consumer.assigned(this.tasks, generation);
  }

  async leave(): Promise<void> {
    await this.consumer.revoking();
    await this.consumer.stop();
    this.tasks = [];
  }

  /** Without a word: what it had planned never happens. */
  die(): void {
    this.isDead = true;
    this.tasks = [];
  }

  /** One batch of every partition that is not paused; answers whether there was one. */
  async feed(batchSize = 10): Promise<boolean> {
    let fed = false;
    for (const task of this.tasks) {
      if (this.paused.has(taskId(task))) continue;
      const at = this.positions.get(taskId(task)) ?? 0;
      const records = this.world.cluster.read(task.topic, task.partition, at, batchSize);
      if (records.length === 0) continue;
      fed = true;
      this.positions.set(taskId(task), await this.consumer.batch(task, records));
    }
    return fed;
  }

  /** Until nothing is left to read or to wait for. */
  async drain(batchSize = 10): Promise<void> {
    for (let round = 0; round < 10_000; round++) {
      if (await this.feed(batchSize)) continue;
      const wake = this.world.clock.nextWake();
      if (wake === null) return;
      await this.world.clock.advanceTo(wake);
      await settled();
    }
    throw new Error('no end in sight');
  }
}

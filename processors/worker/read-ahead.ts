import type { WorkerConfig } from '../../src/config/types.ts';
import type { Queue } from '../../src/domain/policy.ts';

/** However many lanes a process owns, each may hold a few mails: a lane that holds none cannot move. */
const UNITS_MIN = 16;

/** How much one lane partition may hold in memory: its own bound, or its part of the process's, whichever is less. */
export class ReadAhead {
  private readonly owned = new Map<Queue, number>();
  private readonly bounds: Pick<WorkerConfig, 'siteQueue' | 'allQueues'>;

  constructor(bounds: Pick<WorkerConfig, 'siteQueue' | 'allQueues'>) {
    this.bounds = bounds;
  }

  owns(queue: Queue, partitions: number): void {
    this.owned.set(queue, partitions);
  }

  perLane(): { readonly units: number; readonly bytes: number } {
    const { siteQueue, allQueues } = this.bounds;
    const lanes = Math.max(
      1,
      [...this.owned.values()].reduce((sum, count) => sum + count, 0),
    );
    return {
      units: Math.max(UNITS_MIN, Math.min(siteQueue.unitsMax, Math.floor(allQueues.unitsMax / lanes))),
      bytes: Math.min(siteQueue.bytesMax, Math.floor(allQueues.bytesMax / lanes)),
    };
  }
}

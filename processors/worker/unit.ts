import type { DomainSite } from '../../src/contracts/generated.ts';
import type { Envelope } from '../../src/domain/envelope.ts';
import type { Job } from '../../src/domain/job.ts';
import type { Lane, Source } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';

/**
 * - *timed*: not before its time, or not before its site is known.
 * - *queued*: waits for its site.
 * - *out*: given out to be attempted; holds a place of its source and site.
 * - *gone*: settled or forgotten; queues skip it.
 */
export type UnitState = 'timed' | 'queued' | 'out' | 'gone';

/** One mail in the hands of a worker. */
export interface Unit {
  readonly job: Job;
  readonly envelope: Envelope;
  readonly lane: Lane;
  /**
   * Whose limits it counts against: the provider's name; in the lanes of `other` the site behind the recipient's mail
   * exchangers where they are looked up, else the recipient's domain.
   */
  site: string;
  /** What was learned of the recipient's domain with it, to be told when it is settled. */
  learned: DomainSite | null;
  /** The job's bytes, to be passed on unchanged where it goes back to a topic. */
  readonly bytes: Uint8Array;
  readonly expiresAt: Millis;
  /** Where it lies; makes its event ids. */
  readonly place: string;
  /** The source it was given when it was chosen. */
  source: Source | null;
  /** Where it stands with the dispatcher. It only moves down this list. */
  state: UnitState;
}

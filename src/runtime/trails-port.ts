import type { Trail, TrailFilter } from '../domain/trail.ts';

export interface TrailPage {
  /** Newest first. */
  readonly trails: readonly Trail[];
  /** Where to go on; null: there are no more. */
  readonly next: string | null;
}

/** The port to what became of every mail. `processors/tracker` keeps it. */
export interface Trails {
  /**
   * The trail as soon as it is known; null once everything that the log had accepted before this call is known, and it is
   * not among it: so "there is none" is never said too early. `unsure` where that takes longer than `withinMs`.
   */
  await(tenant: string, id: string, withinMs: number): Promise<Trail | null | 'unsure'>;
  /** One page, newest first. Null where the cursor is none of ours. */
  list(tenant: string, filter: TrailFilter, limit: number, cursor: string | null): TrailPage | null;
}

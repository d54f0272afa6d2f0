import type { Environment } from '../config/environment.ts';

/** One process that `postlane up` supervises. */
export interface LocalProcess {
  /** Unique; shown by `postlane status`, and the name of its log. */
  readonly name: string;
  readonly roles: readonly string[];
  /** Further arguments of `postlane run`. */
  readonly options: readonly string[];
  readonly environment: Environment;
}

/** What `postlane up` runs on one machine, all started at once. */
export function localProcesses(): readonly LocalProcess[] {
  return [];
}

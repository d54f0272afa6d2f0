import type { Telemetry } from '../runtime/ports.ts';
import type { Secrets } from './secrets.ts';

export interface FollowOptions<T> {
  readonly secrets: Secrets;
  readonly telemetry: Telemetry;
  /** What is made of them, for the log and the metric: a word of a closed list. */
  readonly what: string;
  readonly references: readonly string[];
  /** Makes it of the values that the references have now. What it throws keeps the one before. */
  build(before: T | null): Promise<T>;
}

/** Something that is made of secrets and made again when they change. */
export interface Followed<T> {
  /** As of the newest values that were good for it. */
  readonly current: T;
  stop(): void;
}

/**
 * Builds something of secrets, and again whenever one of them has changed. The first build must succeed, and throws what it throws; a
 * later one that fails is an alarm, and the last good one goes on.
 */
export async function follow<T>(options: FollowOptions<T>): Promise<Followed<T>> {
  const { secrets, telemetry, what, references, build } = options;
  let current: T | null = null;
  let building = false;
  let again = false;
  const rebuild = async (): Promise<void> => {
    again = true;
    if (building) return;
    building = true;
    while (again) {
      again = false;
      try {
        current = await build(current);
        telemetry.count('postlane_secret_changes_total', { what, outcome: 'taken' });
        telemetry.gauge('postlane_secret_rejected', 0, { what });
      } catch (error) {
        telemetry.count('postlane_secret_changes_total', { what, outcome: 'rejected' });
        telemetry.gauge('postlane_secret_rejected', 1, { what });
        telemetry.log('error', 'a new secret is no good; the last good one is used', { what, references, error });
      }
    }
    building = false;
  };
  const stop = secrets.onChange(references, () => void rebuild());
  try {
    building = true;
    current = await build(null);
    building = false;
  } catch (error) {
    stop();
    throw error;
  }
  const first = current;
  // A change that came while it was built.
  if (again) void rebuild();
  return {
    get current() {
      return current ?? first;
    },
    stop,
  };
}

import type { Config } from '../config/types.ts';
import type { Queue, Source } from '../domain/policy.ts';

/** The sources that may send a queue's mail, in order of preference: those of its pool, and in a region those it may use. */
export function sourcesOf(config: Pick<Config, 'queues' | 'pools' | 'sources'>, queue: Queue): readonly Source[] {
  const pool = config.queues.find((candidate) => candidate.queue === queue)?.pool;
  const names = config.pools.find(({ name }) => name === pool)?.sources ?? [];
  return names.flatMap((name) => config.sources.find((source) => source.name === name) ?? []);
}

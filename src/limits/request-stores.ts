import type { Config } from '../config/types.ts';
import type { Clock, Stoppable, Telemetry } from '../runtime/ports.ts';
import type { AnswerStore } from './answer-store.ts';
import { MemoryAnswers } from './memory-answers.ts';
import { RedisAnswers } from './redis-answers.ts';
import { RedisScripts } from './redis-scripts.ts';
import { MemoryRequestLimits, RedisRequestLimits, type RequestLimits } from './request-limits.ts';

/** What a producer that talks to callers remembers of them. */
export interface RequestStores extends Stoppable {
  readonly answers: AnswerStore;
  readonly limits: RequestLimits;
}

/** Opens the stores: in Redis where one is configured, and in this process's memory where there is none. */
export async function openRequestStores(options: {
  readonly redis: Config['redis'];
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}): Promise<RequestStores> {
  const { redis, clock, telemetry } = options;
  const answers = new MemoryAnswers(clock);
  const limits = new MemoryRequestLimits(clock);
  if (redis === null) return { answers, limits, stop: async () => undefined };
  const scripts = new RedisScripts({ ...redis, clock, telemetry });
  await scripts.connect();
  return {
    answers: new RedisAnswers(scripts, answers),
    limits: new RedisRequestLimits(scripts, limits),
    stop: () => scripts.close(),
  };
}

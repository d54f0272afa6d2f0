import { randomUUID } from 'node:crypto';
import { ANSWER_MS, type AnswerStore, CLAIM_MS_MAX, type Claim } from './answer-store.ts';
import type { RedisScripts } from './redis-scripts.ts';

/** A value is `<phase> <token> <fingerprint> <end of the claim in ms>`. Redis's own clock decides for all processes. */
const CLAIM = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('get', KEYS[1])
if known then
  local phase, fingerprint, ends = string.match(known, '^(%a+) %S+ (%S+) (%d+)$')
  if fingerprint ~= ARGV[1] then return 'other' end
  if phase == 'answered' then return 'answered' end
  if phase == 'working' and now < tonumber(ends) then return 'in-flight' end
end
local ends = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('set', KEYS[1], 'working ' .. ARGV[2] .. ' ' .. ARGV[1] .. ' ' .. ends, 'PX', ARGV[4])
return 'fresh'
`;
const KEEP = `redis.call('set', KEYS[1], 'answered ' .. ARGV[2] .. ' ' .. ARGV[1] .. ' 0', 'PX', ARGV[3]) return 1`;
const RELEASE = `
local known = redis.call('get', KEYS[1])
if known and string.match(known, '^%a+ (%S+) ') == ARGV[2] then
  redis.call('set', KEYS[1], 'released ' .. ARGV[2] .. ' ' .. ARGV[1] .. ' 0', 'PX', ARGV[3])
end
return 1
`;

/**
 * What all processes remember together. Where Redis does not answer, each goes by its own memory: two of them may then do
 * the same work twice, which the job's id makes harmless.
 */
export class RedisAnswers implements AnswerStore {
  private readonly redis: RedisScripts;
  private readonly insurance: AnswerStore;

  constructor(redis: RedisScripts, insurance: AnswerStore) {
    this.redis = redis;
    this.insurance = insurance;
  }

  async claim(key: string, fingerprint: string): Promise<Claim> {
    const token = randomUUID();
    const found = await this.redis.run(CLAIM, [nameOf(key)], [fingerprint, token, CLAIM_MS_MAX, ANSWER_MS]);
    if (found === null) return this.insurance.claim(key, fingerprint);
    switch (found.answer) {
      case 'answered':
      case 'in-flight':
      case 'other':
        return { kind: found.answer };
      default:
        return { kind: 'fresh', token };
    }
  }

  async keep(key: string, fingerprint: string, token: string): Promise<void> {
    // Also in our own memory: Redis may be lost before the request is repeated.
    await this.insurance.keep(key, fingerprint, token);
    await this.redis.run(KEEP, [nameOf(key)], [fingerprint, token, ANSWER_MS]);
  }

  async release(key: string, fingerprint: string, token: string): Promise<void> {
    await this.insurance.release(key, fingerprint, token);
    await this.redis.run(RELEASE, [nameOf(key)], [fingerprint, token, ANSWER_MS]);
  }
}

const nameOf = (key: string): string => `answer:${key}`;

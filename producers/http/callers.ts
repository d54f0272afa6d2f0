import type { ApiKey } from '../../src/contracts/generated.ts';
import type { ApiScope, Caller } from '../../src/domain/api-key.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { problemReply } from '../../src/http/route.ts';
import type { Authorized } from '../../src/http/server.ts';
import { takeRequest } from '../../src/limits/caller-allowances.ts';
import type { RequestLimits } from '../../src/limits/request-limits.ts';
import type { Clock } from '../../src/runtime/ports.ts';
import { authenticate } from '../../src/secrets/api-keys.ts';

export interface CallersOptions {
  readonly keyOf: (keyId: string) => ApiKey | undefined;
  /** False where the keys are not known to be current: nobody is let in then, since a key may have been revoked. */
  readonly current: () => boolean;
  readonly limits: RequestLimits;
  readonly clock: Pick<Clock, 'now'>;
}

const NOT_CURRENT_RETRY_MS = 2 * SECOND_MS;
const CHALLENGE = { headers: { 'www-authenticate': 'Bearer realm="postlane"' } };

/** Tells who calls, whether the key allows it, and whether it is not too much. */
export function callers(options: CallersOptions) {
  return async (authorization: string | undefined, scope: string): Promise<Authorized<Caller>> => {
    const { keyOf, current, limits, clock } = options;
    if (!current()) {
      const detail = 'which keys are valid is not known at the moment';
      return { ok: false, reply: problemReply('not-current', { detail }, { retryAfterMs: NOT_CURRENT_RETRY_MS }) };
    }
    const [, key] = /^Bearer +(\S{1,256})$/i.exec(authorization ?? '') ?? [];
    const caller = key === undefined ? null : authenticate(key, keyOf, clock.now());
    if (caller === null) return { ok: false, reply: problemReply('unauthorized', {}, CHALLENGE) };
    if (!caller.scopes.has(scope as ApiScope)) {
      return { ok: false, reply: problemReply('scope-missing', { scope }) };
    }
    const denied = await takeRequest(limits, caller);
    return denied ? { ok: false, reply: problemReply('rate-limited', {}, denied) } : { ok: true, caller };
  };
}

import type { ApiKey } from '../../src/contracts/generated.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { takeRequest } from '../../src/limits/caller-allowances.ts';
import type { RequestLimits } from '../../src/limits/request-limits.ts';
import type { Clock } from '../../src/runtime/ports.ts';
import { authenticate } from '../../src/secrets/api-keys.ts';
import type { Answer, Login } from '../../src/smtp/submission-server.ts';

export interface CallersOptions {
  readonly keyOf: (keyId: string) => ApiKey | undefined;
  /** False where the keys are not known to be current: nobody is let in then, since a key may have been revoked. */
  readonly current: () => boolean;
  readonly limits: RequestLimits;
  readonly clock: Pick<Clock, 'now'>;
}

/** Whoever logged in, and what is needed to ask again. */
export interface LoggedIn {
  readonly key: string;
}

const NOT_CURRENT: Answer = { code: 454, text: '4.7.0 which keys are valid is not known at the moment, come again' };
const UNKNOWN: Answer = { code: 535, text: '5.7.8 the password must be a valid API key' };
const NO_SCOPE: Answer = { code: 535, text: '5.7.8 this key may not send mails: it lacks the scope emails:send' };

/** Tells who logs in, and before each mail whether the key still allows it, and whether it is not too much. */
export function callers({ keyOf, current, limits, clock }: CallersOptions) {
  const callerOf = (key: string): { readonly caller: Caller } | { readonly answer: Answer } => {
    if (!current()) return { answer: NOT_CURRENT };
    const caller = authenticate(key, keyOf, clock.now());
    if (caller === null) return { answer: UNKNOWN };
    return caller.scopes.has('emails:send') ? { caller } : { answer: NO_SCOPE };
  };
  return {
    login(password: string): Login<LoggedIn> {
      const found = callerOf(password);
      return 'caller' in found ? { ok: true, caller: { key: password } } : { ok: false, answer: found.answer };
    },
    /** Null: go on. */
    async admit({ key }: LoggedIn): Promise<Answer | null> {
      const found = callerOf(key);
      if ('answer' in found) return found.answer;
      const denied = await takeRequest(limits, found.caller);
      return denied && { code: 450, text: `4.7.1 too many mails per second, come again in ${denied.retryAfterMs} ms` };
    },
    callerOf,
  };
}

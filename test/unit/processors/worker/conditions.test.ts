import { Conditions } from '../../../../processors/worker/conditions.ts';
import type { Source } from '../../../../src/domain/policy.ts';
import type { DeliveryOutcome } from '../../../../src/domain/reply.ts';
import { HOUR_MS, MINUTE_MS } from '../../../../src/domain/time.ts';

const source = (name: string) => ({ name, mode: 'direct' }) as Source;
const [A, B] = [source('a'), source('b')];
const refused = (code: number, enhancedCode: string, text: string): DeliveryOutcome => ({
  kind: 'refused',
  stage: 'rcpt',
  reply: { code, enhancedCode, text },
});
const LIMITS = { connectionsMax: 5, messagesPerConnectionMax: 50, ratePerMinute: null };

describe('what a site asks of a source', () => {
  it('holds for that source and site, and ends', () => {
    const conditions = new Conditions();
    const heard = conditions.heed(A, 'yahoo', refused(421, '4.7.0', '[TSS04] temporarily deferred'), 1_000);
    expect(heard?.id).toBe('yahoo-complaints');
    expect(conditions.suspendedUntil(A, 'yahoo', 2_000)).toBe(1_000 + 2 * HOUR_MS);
    expect(conditions.suspendedUntil(B, 'yahoo', 2_000)).toBeNull();
    expect(conditions.suspendedUntil(A, 'google', 2_000)).toBeNull();
    expect(conditions.suspendedUntil(A, 'yahoo', 1_000 + 2 * HOUR_MS)).toBeNull();
  });

  it('lowers limits and never raises them; of two the stricter holds', () => {
    const conditions = new Conditions();
    conditions.heed(A, 'x.example', refused(421, '4.7.0', 'rate limited due to IP reputation'), 0);
    expect(conditions.limited(A, 'x.example', LIMITS, 1)).toEqual({ ...LIMITS, ratePerMinute: 1, connectionsMax: 1 });
    conditions.heed(A, 'x.example', refused(421, '4.7.0', 'Too many messages, slow down'), 1);
    expect(conditions.limited(A, 'x.example', LIMITS, 2).ratePerMinute).toBe(1);
    expect(conditions.limited(A, 'x.example', { ...LIMITS, ratePerMinute: 0.5 }, 2).ratePerMinute).toBe(0.5);
    expect(conditions.limited(B, 'x.example', LIMITS, 2)).toEqual(LIMITS);
    expect(conditions.limited(A, 'x.example', LIMITS, 90 * MINUTE_MS + 2)).toEqual(LIMITS);
  });

  it('is told once while it goes on', () => {
    const conditions = new Conditions();
    const again = () => conditions.heed(A, 'google', refused(421, '4.7.28', 'an unusual rate of mail'), 0);
    expect([again()?.id, again()]).toEqual(['google-rate', null]);
  });

  it('is nothing where the mail was taken, refused for good, or not offered', () => {
    const conditions = new Conditions();
    const accepted: DeliveryOutcome = { kind: 'accepted', reply: { code: 250, enhancedCode: null, text: 'slow down' } };
    const failed: DeliveryOutcome = {
      kind: 'failed',
      stage: 'dot',
      reason: 'timeout',
      afterDot: true,
      detail: 'rate limit',
    };
    for (const outcome of [accepted, failed, refused(550, '5.7.1', 'rate limit')]) {
      expect(conditions.heed(A, 'google', outcome, 0)).toBeNull();
    }
  });
});

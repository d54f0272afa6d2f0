import type { DispatcherPorts } from '../../processors/worker/dispatcher-ports.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';
import type { RateLimits } from '../../src/runtime/limits-port.ts';

/** Limits that grant everything, but for what a test says. */
export const grantingLimits = (over: Partial<RateLimits> = {}): RateLimits => ({
  take: async () => ({ granted: true }),
  takeAll: async () => ({ granted: true }),
  reserve: (_key, _limit, now) => now + MINUTE_MS,
  setShare: () => undefined,
  mode: () => 'share',
  stop: async () => undefined,
  ...over,
});

/** The ports of a dispatcher of marketing mail in whose way nothing stands, but for what a test says. */
export const dispatcherPorts = (
  over: Partial<DispatcherPorts> & Pick<DispatcherPorts, 'sources'>,
): DispatcherPorts => ({
  limits: grantingLimits(),
  limitsOf: () => ({ connectionsMax: 1, messagesPerConnectionMax: 100, ratePerMinute: 600 }),
  sharedBy: () => [],
  circuits: () => ({ source: null, site: null, trial: false }),
  allowance: () => null,
  overflow: 'warm',
  first: 'new',
  queueRatePerMinute: null,
  queueName: 'marketing',
  skip: () => null,
  postpone: () => [],
  handOver: () => [],
  ...over,
});

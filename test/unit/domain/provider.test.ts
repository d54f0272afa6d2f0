import { laneOf } from '../../../src/domain/lane.ts';
import type { ProviderRule } from '../../../src/domain/policy.ts';
import { providerIndex } from '../../../src/domain/provider.ts';

const limits = { connectionsMax: 1, messagesPerConnectionMax: 1, ratePerMinute: null };
const rule = (provider: ProviderRule['provider'], ...domains: string[]): ProviderRule => ({
  provider,
  domains,
  limits,
  why: 'test',
});

describe('the provider of a domain', () => {
  const providerOf = providerIndex([
    rule('google', 'gmail.com', 'Googlemail.com'),
    rule('microsoft', 'outlook.com', '.onmicrosoft.com', 'gmail.com'),
    rule('yahoo', '.mail.onmicrosoft.com', 'exact.onmicrosoft.com'),
  ]);

  it.each([
    ['gmail.com', 'google'],
    ['googlemail.com', 'google'],
    ['outlook.com', 'microsoft'],
    ['contoso.onmicrosoft.com', 'microsoft'],
    ['a.b.onmicrosoft.com', 'microsoft'],
    ['x.mail.onmicrosoft.com', 'yahoo'],
    ['exact.onmicrosoft.com', 'yahoo'],
    ['onmicrosoft.com', 'other'],
    ['lists.gmail.com', 'other'],
    ['notgmail.com', 'other'],
    ['constructor', 'other'],
    ['com', 'other'],
  ])('%s belongs to %s', (domain, provider) => {
    expect(providerOf(domain)).toBe(provider);
  });
});

describe('the lane of a mail', () => {
  it('sends marketing of a poor score to the throttled queue, and nothing else', () => {
    expect(laneOf('marketing', 'google', true)).toEqual({ queue: 'marketing-throttled', provider: 'google' });
    expect(laneOf('marketing', 'google', false)).toEqual({ queue: 'marketing', provider: 'google' });
    expect(laneOf('transactional', 'other', true)).toEqual({ queue: 'transactional', provider: 'other' });
    expect(laneOf('notification', 'other', true)).toEqual({ queue: 'notification', provider: 'other' });
  });
});

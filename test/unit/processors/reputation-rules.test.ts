import { reputationDefinition } from '../../../processors/reputation/index.ts';
import { rulesOf } from '../../../processors/reputation/rules.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { ReputationOverrides } from '../../../src/domain/reputation-overrides.ts';
import { codec, memoryStores } from '../../support/reputation-world.ts';

describe('the version of the rules of reputation', () => {
  const config = loadConfig({ text: '', env: {} });
  const versionOf = (over: ReputationOverrides, { reputation, router } = config) =>
    reputationDefinition(memoryStores(), codec, rulesOf({ reputation, router }, over)).version;
  const others: Required<ReputationOverrides> = {
    bounce: 0.03,
    complaint: 0.002,
    action: 'pause',
    minVolume: 500,
    throttleScore: 0.65,
    windowHours: 12,
    complaintScope: 'all',
    softBounces: 4,
    initialVolume: 70,
    dailyIncrease: 0.1,
    maxDailyIncrease: 900,
  };

  it.each(Object.entries(others))('names %s, and is another one where it is %s', (name, value) => {
    expect(versionOf({ [name]: value })).not.toBe(versionOf({}));
    // Each of millions of suppressions may repeat the version of its rules: it has the values only.
    const isShort = name === 'complaintScope' || name === 'softBounces';
    expect(versionOf({ [name]: value })).toContain(isShort ? `/${value}/` : `${name}=${value}`);
    expect(versionOf({ [name]: value })).toBe(versionOf({ [name]: value }));
  });

  it.each([
    'reputation: {lateness: 90s}',
    'reputation: {warm_up: {sources: [marketing-1]}}',
    'reputation: {warm_up: {sources: [marketing-1, transactional-1]}}',
  ])('is another one under %s', (text) => {
    expect(versionOf({}, loadConfig({ text, env: {} }))).not.toBe(versionOf({}));
  });

  it('does not depend on the order in which sources are declared', () => {
    const [one, other] = ['[marketing-1, transactional-1]', '[transactional-1, marketing-1]'].map((sources) =>
      versionOf({}, loadConfig({ text: `reputation: {warm_up: {sources: ${sources}}}`, env: {} })),
    );
    expect(one).toBe(other);
  });
});

import { readFileSync } from 'node:fs';
import { rulesOf } from '../../../processors/reputation/rules.ts';
import { plotOf, totals } from '../../../src/cli/simulate/plot.ts';
import { simulateWarmUp, type WarmUpPlan } from '../../../src/cli/simulate/warm-up.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { ReputationSignal } from '../../../src/contracts/generated.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { codec, fold, logOf } from '../../support/reputation-world.ts';

const config = loadConfig({ text: 'reputation: {warm_up: {sources: [marketing-1]}}', env: {} });
const rules = rulesOf(config);
const plan: WarmUpPlan = {
  days: 45,
  volume: 200_000,
  mix: new Map([['google', 1]]),
  bounceRatio: 0.005,
  complaintRatio: 0.0002,
  breaches: new Map([[9, 0.1]]),
  idle: (day) => day >= 13 && day <= 42,
  overflow: 'warm',
  source: 'marketing-1',
};

/** The rows of the calculation by hand: day, allowed, verdict. */
const byHand = (): readonly (readonly [number, number, string])[] => {
  const text = readFileSync(new URL('../../../docs/warm-up.md', import.meta.url), 'utf8');
  const [, table = ''] = text.split('## A calculation by hand');
  return [...table.matchAll(/^\| (\d+) \| (\d+) \| ([a-z]+) \|/gm)].map(
    ([, day, allowed, verdict]) => [Number(day), Number(allowed), verdict ?? ''] as const,
  );
};

describe('a simulated warm-up', () => {
  const days = simulateWarmUp(plan, rules);

  it('is what the docs calculate by hand', () => {
    const rows = byHand();
    expect(rows).toHaveLength(17);
    for (const [day, allowed, verdict] of rows) {
      expect(days.find((one) => one.day === day)).toMatchObject({ allowed, verdict });
    }
    for (const { day, allowed, verdict } of days) {
      if (day > 13 && day < 42) expect([day, allowed, verdict]).toEqual([day, 367, 'idle']);
    }
  });

  it('is what the processor makes of the same signals', async () => {
    const signals: ReputationSignal[] = [];
    simulateWarmUp(plan, rules, (signal) => signals.push(signal));
    const cluster = logOf(signals, signals.at(-1)?.at ?? 0, 1);
    await fold(cluster, { rules, batchSizes: [100] });
    const found = cluster.all(topics.allowances.name).flatMap(({ value }) => {
      const decoded = codec.decode(topics.allowances, value);
      return decoded.ok ? [decoded.value] : [];
    });
    const first = found[0]?.day ?? 0;
    for (const [day, allowed] of byHand()) {
      expect(found.find((row) => row.day === first + day - 1)).toMatchObject({ volume: allowed });
    }
    expect(
      found
        .at(-1)
        ?.days.map(({ verdict }) => verdict)
        .reverse(),
    ).toEqual(days.map(({ verdict }) => verdict));
  });

  it('sends what is allowed, and loses nothing', () => {
    for (const { wanted, allowed, sent, overflowed, held } of days) {
      expect(sent + overflowed + held).toBe(wanted);
      if (wanted > 0) expect(Math.abs(sent - allowed)).toBeLessThanOrEqual(1);
    }
  });

  it('holds what it may not send where that is configured', () => {
    const held = simulateWarmUp({ ...plan, days: 3, overflow: 'hold' }, rules);
    expect(held.map(({ held: waiting }) => waiting)).toEqual([199_900, 399_780, 599_636]);
  });

  it('rises by 5,000 at most, for every provider by itself', () => {
    const all = simulateWarmUp(
      {
        ...plan,
        mix: new Map([
          ['google', 0.5],
          ['apple', 0.5],
        ]),
        breaches: new Map(),
        idle: () => false,
        volume: 70_000,
      },
      rules,
    );
    const google = all.filter(({ provider }) => provider === 'google').map(({ allowed }) => allowed);
    const rises = google.slice(1).map((allowed, n) => allowed - (google[n] ?? 0));
    expect(Math.max(...rises)).toBe(5_000);
    expect(totals(all)).toHaveLength(45);
    expect(totals(all)[0]).toMatchObject({ allowed: 200, wanted: 70_000 });
  });

  it('can be plotted', () => {
    const picture = plotOf(days);
    expect(picture.match(/<rect /g)).toHaveLength(45);
    expect(picture).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS } from '../../../src/telemetry/metrics.ts';

const root = new URL('../../../', import.meta.url).pathname;

/** Names of metrics in the sources, with the place of their first use. */
function usedNames(): Map<string, string> {
  const used = new Map<string, string>();
  for (const folder of ['src', 'processors', 'producers']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || /telemetry\/metric[^/]*\.ts$/.test(file)) continue;
      for (const [, name] of readFileSync(join(root, folder, file), 'utf8').matchAll(
        /['"`](postlane_[a-z0-9_]+)['"`]/g,
      )) {
        used.set(name as string, join(folder, file));
      }
    }
  }
  return used;
}

describe.each(METRICS.map((metric) => [metric.name, metric] as const))('%s', (name, metric) => {
  it('says what it counts, in which unit, and when to worry', () => {
    expect(metric.help).toMatch(/\. Worry (when|above|about) /);
    expect(name).toMatch(/^postlane(_[a-z]+)+$/);
    expect(name.endsWith('_total')).toBe(metric.type === 'counter');
    if (metric.type === 'histogram') {
      expect(name).toMatch(/_(ms|bytes)$/);
      expect(metric.buckets).toEqual([...(metric.buckets as number[])].sort((a, b) => a - b));
    }
  });

  it('is labelled by nothing that could name a recipient', () => {
    for (const label of metric.labels) expect(label).not.toMatch(/address|recipient|domain|site|job|tenant|key/);
  });
});

it('is declared once each', () => {
  expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
});

it('declares every name that the code uses', () => {
  const declared = new Set(METRICS.map(({ name }) => name));
  const missing = [...usedNames()].filter(([name]) => !declared.has(name));
  expect(missing).toEqual([]);
});

import { jest } from '@jest/globals';
import { rules } from '../support/reputation-world.ts';
import { differences, histories, isRecorded, lastTables, linesOf, refold, tablesFile, versionOf } from './history.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

describe('recorded histories', () => {
  const version = versionOf();

  it.each(histories())('%s gives the tables that were recorded for this version of the rules', async (history) => {
    const rows = await refold(history);
    if (!isRecorded(history, version)) {
      const last = lastTables(history);
      const changes = differences(last === null ? [] : linesOf(last), rows).join('\n');
      throw new Error(`version ${version} is not recorded; \`npm run record:histories\` does. It changes:\n${changes}`);
    }
    // Not empty: a rule was changed and its version was not.
    expect(differences(linesOf(tablesFile(history, version)), rows)).toEqual([]);
  });

  it('notice a rule that changed, and by its version whether it was meant to', async () => {
    const [history = ''] = histories();
    const before = await refold(history);
    const soft = { ...rules.suppression.soft, countMin: 2, daysMin: 1 };
    const stealthy = { ...rules, suppression: { ...rules.suppression, soft } };
    expect(versionOf(stealthy)).toBe(version);
    expect(differences(before, await refold(history, stealthy)).length).toBeGreaterThan(0);
    const told = { ...stealthy, suppression: { ...stealthy.suppression, version: 'changed' } };
    expect(isRecorded(history, versionOf(told))).toBe(false);
  });
});

import type { Placement } from '../../../src/contracts/generated.ts';
import {
  isSought,
  PROBE_AGE_MS_MAX,
  placementAlerts,
  placementRates,
  rowsAfter,
} from '../../../src/domain/placement.ts';
import { DAY_MS, HOUR_MS } from '../../../src/domain/time.ts';

const NOW = 1_800_000_000_000;
let count = 0;
const row = (over: Partial<Placement> = {}): Placement => ({
  id: `placement-s-${++count}`,
  seed: 's',
  provider: 'google',
  recipient: 's@google.test',
  type: 'marketing',
  campaign: null,
  place: 'waiting',
  folder: null,
  delayMs: null,
  at: NOW - HOUR_MS,
  ...over,
});
const nothing = { kind: 'seen', sightings: [] } as const;
const closed = { kind: 'failed', problem: 'unreachable', detail: '' } as const;

describe('a probe after a look', () => {
  it('is where it was seen, with the time that it took', () => {
    const probe = row({ at: NOW - 5_000 });
    const sighting = { id: probe.id, place: 'spam', folder: 'Junk', arrivedAt: NOW - 2_000 } as const;
    const after = rowsAfter([probe], { kind: 'seen', sightings: [sighting] }, NOW, HOUR_MS);
    expect(after).toEqual([{ ...probe, place: 'spam', folder: 'Junk', delayMs: 3_000 }]);
  });

  it('is missing after the deadline and not before', () => {
    expect(rowsAfter([row({ at: NOW - HOUR_MS + 1 })], nothing, NOW, HOUR_MS)).toEqual([]);
    expect(rowsAfter([row()], nothing, NOW, HOUR_MS)).toMatchObject([{ place: 'missing' }]);
  });

  it('is not missing where nobody could look, and is given up after a day', () => {
    expect(rowsAfter([row()], closed, NOW, HOUR_MS)).toEqual([]);
    const old = row({ at: NOW - PROBE_AGE_MS_MAX + 1 });
    expect(rowsAfter([old], closed, NOW, HOUR_MS)).toMatchObject([{ place: 'unseen' }]);
  });

  it('is found late although it was missing', () => {
    const late = row({ place: 'missing' });
    expect(isSought(late, NOW)).toBe(true);
    const sighting = { id: late.id, place: 'inbox', folder: 'INBOX', arrivedAt: NOW } as const;
    expect(rowsAfter([late], { kind: 'seen', sightings: [sighting] }, NOW, HOUR_MS)).toMatchObject([
      { place: 'inbox' },
    ]);
  });
});

describe('rates', () => {
  it('count what was judged, per provider, tabs with the inbox', () => {
    const rows = [
      row({ place: 'inbox', delayMs: 10 }),
      row({ place: 'tab', delayMs: 30 }),
      row({ place: 'spam', delayMs: 20 }),
      row({ place: 'missing' }),
      row(),
      row({ place: 'unseen' }),
      row({ id: 'seed:s', place: 'reachable' }),
      row({ place: 'inbox', at: NOW - 2 * DAY_MS }),
    ];
    expect(placementRates(rows, NOW - DAY_MS, NOW)).toEqual([
      {
        provider: 'google',
        probes: 4,
        counts: { inbox: 1, tab: 1, spam: 1, missing: 1 },
        inboxRatio: 0.5,
        delayMs: 20,
      },
    ]);
  });
});

describe('alerts', () => {
  const rules = { windowMs: DAY_MS, probesMin: 4, alertBelow: 0.4, alertFall: 0.25 };
  const many = (places: readonly Placement['place'][], at = NOW - HOUR_MS) => places.map((place) => row({ place, at }));

  it('say that a share is low', () => {
    expect(placementAlerts(many(['inbox', 'spam', 'spam', 'spam']), rules, NOW)).toMatchObject([
      { what: 'low', inboxRatio: 0.25 },
    ]);
  });

  it('say that a share fell, and not that it stayed', () => {
    const before = many(['inbox', 'inbox', 'inbox', 'inbox'], NOW - 3 * DAY_MS);
    const fallen = [...before, ...many(['inbox', 'inbox', 'spam', 'spam'])];
    expect(placementAlerts(fallen, rules, NOW)).toMatchObject([{ what: 'fell', inboxRatio: 0.5, before: 1 }]);
    expect(placementAlerts([...before, ...many(['inbox', 'inbox', 'inbox', 'tab'])], rules, NOW)).toEqual([]);
  });

  it('say nothing of too few probes', () => {
    expect(placementAlerts(many(['spam', 'spam', 'spam']), rules, NOW)).toEqual([]);
  });
});

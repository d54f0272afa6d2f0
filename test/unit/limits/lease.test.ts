import { Lease } from '../../../src/limits/lease.ts';

const WINDOW = { points: 100, windowMs: 250 };
const NOW = 1_700_000_000_000;

/** A lease that holds `tokens` of a window that has just begun. */
function holding(tokens: number): Lease {
  const lease = new Lease();
  lease.answered({ granted: tokens, remainingMs: WINDOW.windowMs }, tokens, 0, WINDOW, NOW);
  return lease;
}

const countOf = (lease: Lease, now: number): number => {
  let count = 0;
  while (lease.take(now)) count += 1;
  return count;
};

it('ends with its window', () => {
  expect(countOf(holding(10), NOW + 249)).toBe(10);
  expect(countOf(holding(10), NOW + 250)).toBe(0);
});

it('is not stretched by a clock that is set back', () => {
  expect(countOf(holding(10), NOW - 3_600_000)).toBe(0);
});

it('doubles while it is used up, to less than half of a window', () => {
  const lease = new Lease();
  const sizes: number[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    const size = lease.ask(0, WINDOW);
    sizes.push(size);
    lease.answered({ granted: size, remainingMs: 250 }, size, size, WINDOW, NOW + turn * 250);
  }
  expect(sizes).toEqual([1, 2, 4, 8, 16, 32, 40, 40]);
});

it('shrinks by what was left over', () => {
  const lease = new Lease();
  for (let turn = 0; turn < 4; turn += 1) lease.answered({ granted: 1, remainingMs: 250 }, 1, 1, WINDOW, NOW);
  expect(lease.ask(0, WINDOW)).toBe(16);
  lease.answered({ granted: 10, remainingMs: 250 }, 16, 0, WINDOW, NOW);
  lease.take(NOW + 300);
  expect(lease.ask(0, WINDOW)).toBe(6);
});

it('asks for as many as wait, but for no more than a window holds', () => {
  expect(new Lease().ask(7, WINDOW)).toBe(7);
  expect(new Lease().ask(500, WINDOW)).toBe(100);
});

it('spares the store the question while the window is spent', () => {
  const lease = new Lease();
  lease.answered({ granted: 3, remainingMs: 100 }, 8, 3, WINDOW, NOW);
  expect(lease.waitMs(NOW + 40)).toBe(60);
  expect(lease.waitMs(NOW + 100)).toBe(0);
});

it('takes back what was not used, while the window lasts', () => {
  const lease = holding(1);
  lease.take(NOW);
  lease.giveBack(NOW + 10);
  expect(countOf(lease, NOW + 20)).toBe(1);
  lease.giveBack(NOW + 300);
  expect(countOf(lease, NOW + 300)).toBe(0);
});

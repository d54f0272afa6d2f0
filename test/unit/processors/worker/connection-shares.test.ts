import fc from 'fast-check';
import { ConnectionShares } from '../../../../processors/worker/connection-shares.ts';
import { QUEUES, type Queue } from '../../../../src/domain/policy.ts';

const limitsOf = (connectionsMax: number) => ({ connectionsMax, messagesPerConnectionMax: 50, ratePerMinute: null });
const laneOf = (queue: Queue): string => `${queue}.other`;
const sites = fc.constantFrom('google', 'hoster', '(mx1|mx2).hoster.example', 'x.example', 'y.example');

/** Partitions of each queue's lane, and which worker owns each. */
const groups = fc
  .record({
    queues: fc.integer({ min: 1, max: QUEUES.length }),
    partitions: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: QUEUES.length, maxLength: QUEUES.length }),
    workers: fc.integer({ min: 1, max: 10 }),
    lots: fc.array(fc.nat(9), { minLength: 8 * QUEUES.length, maxLength: 8 * QUEUES.length }),
  })
  .map(({ queues, partitions, workers, lots }) => {
    const used = QUEUES.slice(0, queues);
    const countOf = new Map(used.map((queue, n) => [laneOf(queue), partitions[n] as number]));
    const all = Array.from({ length: workers }, () => new ConnectionShares((lane) => countOf.get(lane) ?? 1));
    const ownerOf = (queue: Queue, partition: number): number =>
      (lots[used.indexOf(queue) * 8 + partition] as number) % workers;
    for (const queue of used) {
      const owned = all.map((_, worker) =>
        Array.from({ length: countOf.get(laneOf(queue)) ?? 0 }, (_, n) => n).filter(
          (n) => ownerOf(queue, n) === worker,
        ),
      );
      all.forEach((shares, worker) => {
        shares.set(queue, 'other', owned[worker] as number[]);
      });
    }
    return { all, used, lanes: used.map(laneOf), countOf, ownerOf };
  });

describe('shares of connections', () => {
  it('add up to the limit, however many workers there are, and whoever owns what', () => {
    fc.assert(
      fc.property(groups, sites, fc.integer({ min: 1, max: 40 }), ({ all, lanes }, site, max) => {
        const parts = all.map((shares) => shares.of(limitsOf(max), lanes, site).connectionsMax);
        const sum = parts.reduce((total, part) => total + part, 0);
        // A lane is never without: only where more lanes share a source than the site takes connections are there more.
        if (max >= lanes.length && lanes.length === 1) expect(sum).toBe(max);
        expect(sum).toBeLessThanOrEqual(Math.max(max, max + lanes.length - 1));
        expect(sum).toBeGreaterThanOrEqual(Math.min(max, 1));
      }),
      { numRuns: 500 },
    );
  });

  it('of a worker without one are taken up by one that has, in the same lane, at once', () => {
    fc.assert(
      fc.property(
        groups,
        sites,
        fc.integer({ min: 1, max: 6 }),
        ({ all, used, lanes, countOf, ownerOf }, site, max) => {
          for (const queue of used) {
            const lane = laneOf(queue);
            for (let partition = 0; partition < (countOf.get(lane) ?? 0); partition++) {
              const asked = all[ownerOf(queue, partition)] as ConnectionShares;
              const heir = asked.heir(lane, partition, limitsOf(max), lanes, site);
              const owner = all[ownerOf(queue, heir)] as ConnectionShares;
              expect(owner.of(limitsOf(max), lanes, site).connectionsMax).toBeGreaterThan(0);
            }
          }
        },
      ),
    );
  });

  it('of sites with one connection are spread over the partitions', () => {
    const shares = new ConnectionShares(() => 6);
    const heirs = new Set(
      Array.from({ length: 60 }, (_, n) =>
        shares.heir('marketing.other', 0, limitsOf(1), ['marketing.other'], `s${n}.example`),
      ),
    );
    expect([...heirs].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('are the whole limit for a single worker', () => {
    const shares = new ConnectionShares(() => 4);
    const lanes = ['marketing.google', 'marketing-throttled.google'];
    shares.set('marketing', 'google', [0, 1, 2, 3]);
    shares.set('marketing-throttled', 'google', [0, 1, 2, 3]);
    expect(shares.of(limitsOf(5), lanes, 'google')).toEqual(limitsOf(5));
  });
});

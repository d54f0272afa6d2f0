import fc from 'fast-check';
import type { DeliveryResult } from '../../../src/contracts/generated.ts';
import type { CommitFault } from '../../../src/testing/memory-log.ts';
import { settled } from '../../../src/testing/virtual-clock.ts';
import { COMMIT_MS, Member, TOPIC, World } from '../../support/handler-world.ts';

const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `job-${from + n}`);

describe('handing records to a handler', () => {
  it('hands over each one in order, and commits what was handled', async () => {
    const world = new World();
    world.append(25);
    const member = new Member(world);
    await member.join(1, 0);
    await member.drain();
    expect(member.handled).toEqual(ids(0, 25));
    expect(world.committed()).toBe(25);
  });

  it('commits nothing that a handler has not settled', async () => {
    const world = new World();
    world.append(3);
    let finish: () => void = () => undefined;
    const handle = (result: DeliveryResult) =>
      result.jobId === 'job-1' ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
    const member = new Member(world, { handle });
    await member.join(1, 0);
    const fed = member.feed();
    await settled();
    await world.clock.advance(10 * COMMIT_MS);
    expect(world.committed() ?? 0).toBeLessThanOrEqual(1);
    finish();
    await fed;
    await member.drain();
    expect(world.committed()).toBe(3);
  });

  it('commits within a batch that takes long', async () => {
    const world = new World();
    world.append(10);
    const handle = () => world.clock.advance(COMMIT_MS / 2);
    const member = new Member(world, { handle });
    await member.join(1, 0);
    await member.feed();
    expect(world.cluster.history.length).toBeGreaterThanOrEqual(4);
  });

  it('hands a result over again where the handler threw, before any later one', async () => {
    const world = new World();
    world.append(5);
    const tries: string[] = [];
    const handle = ({ jobId }: DeliveryResult) => {
      tries.push(jobId);
      if (jobId === 'job-2' && tries.length < 6) throw new Error('the shop is closed');
    };
    const member = new Member(world, { handle });
    await member.join(1, 0);
    await member.drain();
    expect(tries).toEqual([...ids(0, 3), 'job-2', 'job-2', 'job-2', 'job-3', 'job-4']);
    expect(member.failures).toHaveLength(3);
    expect(world.committed()).toBe(5);
  });

  it('reports what cannot be read, and passes it over', async () => {
    const world = new World();
    world.append(1);
    world.appendBytes(Buffer.from('no avro'));
    world.appendBytes(null);
    world.append(1);
    const member = new Member(world);
    await member.join(1, 0);
    await member.drain();
    expect(member.handled).toEqual(ids(0, 2));
    expect(member.unreadable).toMatchObject([
      { topic: TOPIC.name, partition: 0, offset: 1, reason: 'bad-magic', value: Buffer.from('no avro') },
      { offset: 2, reason: 'null-value' },
    ]);
    expect(world.committed()).toBe(4);
  });

  it('waits while the registry is away, and calls nothing unreadable', async () => {
    const world = new World();
    world.append(2);
    world.codec.unavailable = true;
    const member = new Member(world);
    await member.join(1, 0);
    await member.feed();
    expect([member.handled, member.unreadable, member.failures.length]).toEqual([[], [], 1]);
    world.codec.unavailable = false;
    await member.drain();
    expect(member.handled).toEqual(ids(0, 2));
  });

  it('lets the handler that runs finish when its partition goes, begins no other, and repeats none', async () => {
    const world = new World();
    world.append(6);
    let finish: () => void = () => undefined;
    const first = new Member(world, {
      handle: ({ jobId }) => {
        first.handled.push(jobId);
        return jobId === 'job-2' ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
      },
    });
    await first.join(1, 0);
    const fed = first.feed();
    await settled();
    const left = first.leave();
    await settled();
    finish();
    await Promise.all([fed, left]);
    const second = new Member(world);
    await second.join(2, 0);
    await second.drain();
    expect(first.handled).toEqual(ids(0, 3));
    expect(second.handled).toEqual(ids(3, 6));
  });

  it('does not move the position of its successor, however late its handler ends', async () => {
    const world = new World();
    world.append(6);
    let finish: () => void = () => undefined;
    const zombie = new Member(world, { handle: () => new Promise<void>((resolve) => (finish = resolve)) });
    await zombie.join(1, 0);
    const fed = zombie.feed();
    await settled();
    const successor = new Member(world);
    await successor.join(2, 0);
    await successor.drain();
    finish();
    await settled();
    await world.clock.advance(10 * COMMIT_MS);
    finish();
    await settled();
    await world.clock.advance(10 * COMMIT_MS);
    expect(world.committed()).toBe(6);
    expect(world.cluster.history.map(({ nextOffset }) => nextOffset)).toEqual([6]);
    expect(zombie.rejoins).toBe(1);
    void fed;
  });

  it('commits nothing for a partition that it has let go, when its handler ends after all', async () => {
    const world = new World();
    world.append(2);
    let finish: () => void = () => undefined;
    const member = new Member(world, { handle: () => new Promise<void>((resolve) => (finish = resolve)) });
    await member.join(1, 0);
    const fed = member.feed();
    await settled();
    // The drain has timed out: the intake goes on without waiting for us.
    void member.consumer.revoking();
    await member.join(2);
    await world.clock.advance(2 * COMMIT_MS);
    finish();
    await expect(fed).resolves.toBe(true);
    expect([world.committed(), member.failures]).toEqual([undefined, []]);
  });

  it('does not hand a result over twice at a time when its partition goes and comes back under a slow handler', async () => {
    const world = new World();
    world.append(2);
    let running = 0;
    let most = 0;
    const finishes: (() => void)[] = [];
    const member = new Member(world, {
      handle: async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => finishes.push(resolve));
        running--;
      },
    });
    await member.join(1, 0);
    const before = member.feed();
    await settled();
    // The drain has timed out: the intake goes on without waiting for us.
    void member.consumer.revoking();
    await member.join(2, 0);
    const after = member.feed();
    await settled();
    for (let n = 0; n < 5; n++) {
      finishes.shift()?.();
      await settled();
    }
    await Promise.all([before, after]);
    expect(most).toBe(1);
  });

  it('begins a new group at the end where it wants nothing old, and remembers that place', async () => {
    const world = new World();
    world.append(4);
    const beginAt = async () => world.cluster.partition(TOPIC.name, 0).nextOffset;
    const member = new Member(world, { beginAt });
    await member.join(1, 0);
    world.append(2);
    await member.drain();
    expect(member.handled).toEqual(ids(4, 6));
    await member.leave();
    world.append(1);
    const later = new Member(world, { beginAt });
    await later.join(2, 0);
    await later.drain();
    expect(later.handled).toEqual(ids(6, 7));
  });

  it('commits again after a failed commit, also where nothing more comes', async () => {
    const world = new World();
    world.append(3);
    const faults: CommitFault[] = ['commit-lost', 'commit-lost'];
    const member = new Member(world, { nextFault: () => faults.shift() ?? 'none' });
    await member.join(1, 0);
    await member.drain();
    expect(member.handled).toEqual(ids(0, 3));
    expect(world.committed()).toBe(3);
    expect(faults).toEqual([]);
  });

  it('handles every record at least once and in order, whatever fails, and never commits past one it did not', async () => {
    const fault = fc.constantFrom<CommitFault>('none', 'commit-lost', 'commit-landed', 'commit-lands-late');
    const act = fc.record({
      feeds: fc.integer({ min: 0, max: 4 }),
      batchSize: fc.integer({ min: 1, max: 7 }),
      advanceMs: fc.integer({ min: 0, max: 2_500 }),
      end: fc.constantFrom('leaves', 'dies', 'does not know that it lost its partitions'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.array(act, { maxLength: 5 }),
        fc.array(fault, { maxLength: 10 }),
        fc.array(fc.boolean(), { maxLength: 20 }),
        async (count, acts, faults, throwing) => {
          const world = new World(2);
          for (let n = 0; n < count; n++) world.append(1, n % 2);
          const seen: Record<number, number[]> = { 0: [], 1: [] };
          const commits = [...faults];
          const failures = [...throwing];
          const start = () =>
            new Member(world, {
              nextFault: () => commits.shift() ?? 'none',
              handle: (_, { partition, offset }) => {
                if (failures.shift()) throw new Error('the handler failed');
                seen[partition]?.push(offset);
              },
            });
          let generation = 0;
          for (const { feeds, batchSize, advanceMs, end } of acts) {
            const member = start();
            await member.join(++generation, 0, 1);
            for (let n = 0; n < feeds; n++) {
              await member.feed(batchSize);
              await world.clock.advance(advanceMs);
              for (const partition of [0, 1]) {
                const handledTo = Math.max(-1, ...(seen[partition] ?? []));
                expect(world.committed(partition) ?? 0).toBeLessThanOrEqual(handledTo + 1);
              }
            }
            if (end === 'leaves') await member.leave();
            if (end === 'dies') member.die();
          }
          const last = start();
          await last.join(++generation, 0, 1);
          await last.drain(5);
          // One that does not know that it was replaced may fence us once more; then we join again, and it has learned.
          for (let rejoined = 0; rejoined < last.rejoins; rejoined++) {
            await last.join(++generation, 0, 1);
            await last.drain(5);
          }
          for (const partition of [0, 1]) {
            const offsets = world.cluster.partition(TOPIC.name, partition).records.map(({ offset }) => offset);
            const handled = seen[partition] ?? [];
            // Whatever was repeated: nothing is handled for the first time before all that lies before it.
            expect([...new Set(handled)]).toEqual(offsets);
            if (offsets.length > 0) expect(world.committed(partition)).toBe(offsets.length);
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});

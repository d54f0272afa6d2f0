import fc from 'fast-check';
import type { Topic } from '../../src/contracts/topic.ts';
import { type EffectDefinition, InFlight } from '../../src/runtime/effects.ts';
import { emit } from '../../src/runtime/processor.ts';
import { type Blip, driveEffects } from '../../src/testing/effect-driver.ts';
import { type CommitFault, MemoryCluster } from '../../src/testing/memory-log.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { json, jsonCodec } from '../support/json-codec.ts';

interface Job {
  id: string;
  copies: number;
}
interface Ending {
  id: string;
  ending: string;
  uncertain: boolean;
}
const lane: Topic<Job> = { name: 'lane', schema: 'Job' };
const results: Topic<Ending> = { name: 'results', schema: 'Ending' };
const PARTITIONS = 2;
const IN_FLIGHT_MAX = 4;

type Policy = 'resend' | 'hold';

/** The world outside: what reached it stays there, whatever happens to the process that sent it. */
class World {
  readonly copies = new Map<string, number>();
  accept(id: string): void {
    this.copies.set(id, (this.copies.get(id) ?? 0) + 1);
  }
}

interface Unit {
  readonly job: Job;
}

/** Sends by waiting a little and telling the world; a dead process tells nobody anything. */
function definition(world: World, clock: VirtualClock, policy: Policy, isAlive: () => boolean) {
  const queue: Unit[] = [];
  const made: EffectDefinition<Job, Unit, 'sent'> = {
    name: 'toy',
    version: '1',
    stage: 'toy',
    inputs: [lane],
    admit(_task, input, uncertain) {
      const { id, copies } = input.value;
      if (!uncertain) {
        const unit = { job: input.value };
        queue.push(unit);
        return { kind: 'queued', unit, bytes: 1 };
      }
      if (policy === 'hold' || copies > 0) {
        return { kind: 'settled', outputs: [emit(results, id, { id, ending: 'unknown', uncertain: true })] };
      }
      const note = emit(results, id, { id, ending: '', uncertain: true });
      return { kind: 'settled', outputs: [note, emit(lane, id, { id, copies: copies + 1 })] };
    },
    async choose(room) {
      return { attempts: queue.splice(0, room), settled: [], wakeAt: null };
    },
    async perform(unit) {
      await clock.sleep(3 + (unit.job.id.length % 5));
      if (isAlive()) world.accept(unit.job.id);
      await clock.sleep(2);
      return 'sent';
    },
    settle: (unit) => [emit(results, unit.job.id, { id: unit.job.id, ending: 'sent', uncertain: unit.job.copies > 0 })],
    forget(unit) {
      const at = queue.indexOf(unit);
      if (at >= 0) queue.splice(at, 1);
    },
  };
  return made;
}

interface Story {
  readonly ids: number;
  readonly policy: Policy;
  readonly batchSize: number;
  readonly commits: readonly CommitFault[];
  /** The process dies after so many milliseconds of its life, in turn; then it lives on. */
  readonly deathsAfterMs: readonly number[];
  /** Life ends by a drain instead of a death where true, in turn. */
  readonly graceful: readonly boolean[];
  /** The log is away once in a life, in turn; the last one is in the life without end. */
  readonly blips: readonly Blip[];
}

async function tell(story: Story) {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ partitions: PARTITIONS, now: clock.now() });
  const world = new World();
  const ids = Array.from({ length: story.ids }, (_, n) => `job-${'x'.repeat(n % 3)}${n}`);
  for (const id of ids) cluster.append({ topic: 'lane', key: id, value: json({ id, copies: 0 }) });
  cluster.partitions('results');
  await driveEffects({
    cluster,
    clock,
    codec: jsonCodec,
    group: 'g',
    define: (isAlive) => definition(world, clock, story.policy, isAlive),
    batchSize: story.batchSize,
    inFlightMax: IN_FLIGHT_MAX,
    faults: story.commits,
    lives: [
      ...story.deathsAfterMs.map((endsAfterMs, n) => ({
        endsAfterMs,
        graceful: story.graceful[n] ?? false,
        blip: story.blips[n],
      })),
      { endsAfterMs: null, graceful: true, blip: story.blips.at(-1) },
    ],
  });
  return { cluster, world, ids };
}

const endingsOf = (cluster: MemoryCluster) =>
  cluster.all('results').map((record) => JSON.parse(record.value?.toString() ?? '') as Ending);

const fault = fc.constantFrom<CommitFault>(
  'none',
  'none',
  'none',
  'commit-lost',
  'commit-landed',
  'commit-lands-late',
  'commit-vanishes',
);
const story = fc.record({
  ids: fc.integer({ min: 1, max: 40 }),
  policy: fc.constantFrom<Policy>('resend', 'hold'),
  batchSize: fc.integer({ min: 1, max: 12 }),
  commits: fc.array(fault, { maxLength: 25 }),
  deathsAfterMs: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
  graceful: fc.array(fc.boolean(), { maxLength: 4 }),
  blips: fc.array(
    fc.record({ afterMs: fc.integer({ min: 1, max: 30 }), drainMs: fc.integer({ min: 1, max: 3_000 }) }),
    { maxLength: 4 },
  ),
});

function check(told: Awaited<ReturnType<typeof tell>>, given: Story): void {
  const endings = endingsOf(told.cluster);
  const uncertain = new Set(endings.filter((ending) => ending.uncertain).map(({ id }) => id));
  for (const id of told.ids) {
    const own = endings.filter((ending) => ending.id === id && ending.ending !== '');
    expect({ id, endings: own.length }).toEqual({ id, endings: 1 });
    const copies = told.world.copies.get(id) ?? 0;
    if (own[0]?.ending === 'sent') expect(copies).toBeGreaterThanOrEqual(1);
    // A second copy is only ever sent of a mail that the results name as uncertain, and never under hold.
    if (copies > 1) expect(uncertain.has(id)).toBe(true);
    if (given.policy === 'hold') expect(copies).toBeLessThanOrEqual(1);
  }
  // A process that is asked to end before it has its lanes again, after a blip or a declaration without an answer, cannot say
  // what it knows: it counts as a crash.
  const strays = given.commits.some((commit) => commit !== 'none' && commit !== 'commit-lost');
  const crashes = given.deathsAfterMs.filter((_, n) => !given.graceful[n] || given.blips[n] || strays).length;
  // A drain leaves nothing uncertain, and a failed commit makes nobody's own sends uncertain.
  expect(uncertain.size).toBeLessThanOrEqual(crashes * IN_FLIGHT_MAX);
  const byTask = new Map<string, number>();
  for (const { task, nextOffset } of told.cluster.history) {
    expect(nextOffset).toBeGreaterThanOrEqual(byTask.get(task) ?? -1);
    byTask.set(task, nextOffset);
  }
}

/** Declarations of one lane go astray and are read back, and a crash follows before another round: seldom found at random. */
const TWICE_ASTRAY: [Story][] = [
  [
    {
      ids: 17,
      policy: 'resend',
      batchSize: 8,
      commits: ['none', 'commit-vanishes', 'none', 'commit-landed'],
      deathsAfterMs: [20],
      graceful: [],
      blips: [],
    },
  ],
  [
    {
      ids: 15,
      policy: 'resend',
      batchSize: 8,
      commits: ['none', 'none', 'none', 'none', 'none', 'commit-landed'],
      deathsAfterMs: [5, 20],
      graceful: [],
      blips: [],
    },
  ],
];

describe('the effect processor', () => {
  it('ends every unit once, and bounds and names the copies, whatever crashes and commits do', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (given) => {
        check(await tell(given), given);
      }),
      { numRuns: 200, examples: TWICE_ASTRAY },
    );
  }, 60_000);

  it('goes on when another queue of the process gives back the room that it had taken', async () => {
    const clock = new VirtualClock(0);
    const cluster = new MemoryCluster({ now: 0, partitions: PARTITIONS });
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      cluster.append({ topic: lane.name, key: id, value: json({ id, copies: 0 }) });
    }
    const world = new World();
    const inFlight = new InFlight(IN_FLIGHT_MAX);
    expect(inFlight.reserve()).toBe(IN_FLIGHT_MAX);
    void clock.sleep(50).then(() => inFlight.free(IN_FLIGHT_MAX));
    await driveEffects({
      cluster,
      clock,
      codec: jsonCodec,
      group: 'g',
      inFlight,
      define: (isAlive) => definition(world, clock, 'resend', isAlive),
    });
    expect([...world.copies.keys()].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('makes no copies and doubts nothing while the log comes and goes under a process that lives', async () => {
    const blip = fc.record({ afterMs: fc.integer({ min: 1, max: 30 }), drainMs: fc.integer({ min: 1, max: 3_000 }) });
    await fc.assert(
      fc.asyncProperty(story, blip, async (given, only) => {
        const calm: Story = { ...given, deathsAfterMs: [], graceful: [], blips: [only] };
        const told = await tell(calm);
        check(told, calm);
        expect(endingsOf(told.cluster).filter(({ uncertain }) => uncertain)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('control: the fault stories really crash, lose commits and leave units uncertain', async () => {
    const given: Story = {
      ids: 40,
      policy: 'resend',
      batchSize: 5,
      commits: ['none', 'none', 'commit-landed', 'commit-lost', 'none', 'commit-lands-late'],
      deathsAfterMs: [9, 11, 14],
      graceful: [],
      blips: [],
    };
    const told = await tell(given);
    check(told, given);
    const endings = endingsOf(told.cluster);
    expect(endings.filter((ending) => ending.uncertain).length).toBeGreaterThan(0);
    expect([...told.world.copies.values()].some((copies) => copies > 1)).toBe(true);
  });
});

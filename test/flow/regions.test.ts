import fc from 'fast-check';
import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { aJob, aPayload } from '../../src/testing/builders.ts';
import type { Fault } from '../../src/testing/driver.ts';
import type { Life } from '../../src/testing/effect-driver.ts';
import { REGIONS, type RegionName, TYPES } from '../support/region-config.ts';
import { RegionWorld } from '../support/region-world.ts';

const SOURCES = ['tx-eu', 'tx-ap', 'tx-us', 'mk-eu', 'mk-eu-2', 'mk-ap', 'mk-us'];
/** What is shut at once: one, or all that a region has. */
const SHUTTABLE = [
  ...SOURCES.map((name) => [name]),
  ...REGIONS.map((at) => SOURCES.filter((name) => name.includes(at))),
];

/** What somebody, or something, does. */
type Step =
  | {
      readonly kind: 'submit' | 'produce';
      readonly at: RegionName;
      readonly says: string | null;
      readonly type: (typeof TYPES)[number];
      readonly behaviour: string;
      readonly waitMs: number | null;
    }
  | {
      readonly kind: 'run';
      readonly at: RegionName;
      readonly faults: readonly Fault[];
      readonly lives: readonly Life[];
    }
  | { readonly kind: 'requeue' | 'rewind'; readonly at: RegionName }
  | { readonly kind: 'cancel'; readonly at: RegionName; readonly job: number }
  | { readonly kind: 'answer'; readonly job: number }
  | { readonly kind: 'shut' | 'open'; readonly sources: readonly string[] };

const region = fc.constantFrom(...REGIONS);
const fault = fc.record<Fault>({
  commit: fc.constantFrom('none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
  crash: fc.boolean(),
});
const life = fc.record({ endsAfterMs: fc.integer({ min: 1, max: 40 }), graceful: fc.boolean() });
const job = (kind: 'submit' | 'produce') =>
  fc.record({
    kind: fc.constant(kind),
    at: region,
    says: fc.constantFrom(null, null, ...REGIONS, 'mars'),
    type: fc.constantFrom(...TYPES),
    behaviour: fc.constantFrom('ok', 'ok', 'gone', 'full', 'cut'),
    waitMs: fc.constantFrom(null, null, 90_000, 600_000),
  });
const run = fc.record({
  kind: fc.constant('run' as const),
  at: region,
  faults: fc.array(fault, { maxLength: 4 }),
  lives: fc.array(life, { maxLength: 2 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: job('submit') },
  { weight: 2, arbitrary: job('produce') },
  { weight: 3, arbitrary: run },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('requeue' as const, 'rewind' as const), at: region }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('answer' as const), job: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), at: region, job: fc.nat(12) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('shut' as const, 'shut' as const, 'open' as const),
      sources: fc.constantFrom(...SHUTTABLE),
    }),
  },
);

/** A job, where it was handed in, and what of it can be found again wherever its bytes are. */
interface Traced {
  readonly at: RegionName;
  readonly says: string | null;
  readonly isProduced: boolean;
  readonly isAccepted: boolean;
  readonly marks: readonly Buffer[];
  readonly address: string;
}

async function tell(
  steps: readonly Step[],
): Promise<{ readonly world: RegionWorld; readonly jobs: readonly Traced[] }> {
  const world = new RegionWorld();
  const jobs: Traced[] = [];
  /** Of those that were taken. */
  const mails: Record<number, readonly [EmailJob, RegionName]> = {};
  for (const each of steps) {
    switch (each.kind) {
      case 'submit':
      case 'produce': {
        const made = jobOf(each, jobs.length, world.clock.now());
        const isProduced = each.kind === 'produce';
        const isAccepted = isProduced ? false : world.submit(each.at, made);
        if (isProduced) world.produce(each.at, made);
        if (isProduced || isAccepted) mails[jobs.length] = [made, each.at];
        const { at, says } = each;
        const marks = [made.payload?.subject, made.payload?.html, made.recipient].map((text) =>
          Buffer.from(text ?? ''),
        );
        jobs.push({ at, says, isProduced, isAccepted, marks, address: made.recipient });
        break;
      }
      case 'run':
        await world.run(each.at, each.faults, each.lives);
        break;
      case 'requeue':
        await world.requeue(each.at);
        break;
      case 'rewind':
        world.rewind(each.at);
        break;
      case 'answer': {
        const [made, at] = mails[each.job] ?? [];
        if (made !== undefined && at !== undefined) await world.answer(at, made);
        break;
      }
      case 'cancel':
        world.cancel(each.at, `job-${each.job}`);
        break;
      case 'shut':
        for (const source of each.sources) world.shut.add(source);
        break;
      case 'open':
        for (const source of each.sources) world.shut.delete(source);
        break;
    }
  }
  for (const at of REGIONS) await world.run(at);
  return { world, jobs };
}

function jobOf(
  { says, type, behaviour, waitMs }: Step & { kind: 'submit' | 'produce' },
  n: number,
  now: number,
): EmailJob {
  return aJob({
    id: `job-${n}`,
    type,
    region: says,
    recipient: `${behaviour}.${n}.of-one-region@inbox.example`,
    sendAt: waitMs === null ? null : now + waitMs,
    payload: aPayload({ subject: `Subject ${n} of one region`, html: `<p>Body ${n} of one region</p>` }),
  });
}

/** All bytes that lie on topics, by the topic's name in the cluster. */
const bytesOf = (world: RegionWorld): ReadonlyMap<string, Buffer> =>
  new Map(
    [...world.cluster.topics.keys()].map((name) => {
      const parts = world.cluster.all(name).flatMap(({ key, value, headers }) => {
        const written = Object.entries(headers).flat().join('\n');
        return [key ?? Buffer.alloc(0), value ?? Buffer.alloc(0), Buffer.from(written)];
      });
      return [name, Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n')]))];
    }),
  );

function check(world: RegionWorld, jobs: readonly Traced[]): void {
  const topicBytes = bytesOf(world);
  // No topic is everybody's: a name without a region would be where they meet.
  for (const name of topicBytes.keys()) expect(name).toMatch(/^email-(eu|ap|us)\./);
  for (const { at, says, isProduced, isAccepted, marks, address } of jobs) {
    const found = [...topicBytes]
      .filter(([, bytes]) => marks.some((mark) => bytes.includes(mark)))
      .map(([name]) => name);
    const isHere = isProduced || isAccepted;
    expect(isAccepted).toBe(!isProduced && (says === null || says === at));
    // Where nobody took it, no byte of it is kept; else all of them are where it was handed in.
    expect(found.filter((name) => !name.startsWith(`email-${at}.`))).toEqual([]);
    expect(found.length > 0).toBe(isHere);
    const copies = world.sent.filter(
      (one) => one.address === address || marks.some((mark) => one.bytes.includes(mark)),
    );
    for (const copy of copies) {
      expect(copy.region).toBe(at);
      // What names another region is sent by neither.
      expect(says === null || says === at).toBe(true);
      const { residency } = world.config(at).region ?? {};
      if (residency === 'strict') expect(copy.source).toMatch(new RegExp(`-${at}(-2)?$`));
      if (copy.isAway) expect(copy.ownWereShut).toBe(true);
    }
  }
}

const submitted = (at: RegionName, says: string | null = null): Step => ({
  kind: 'submit',
  at,
  says,
  type: 'marketing',
  behaviour: 'ok',
  waitMs: null,
});

const GIVEN: [Step[]][] = [
  [[{ kind: 'shut', sources: ['mk-us'] }, submitted('us')]],
  [REGIONS.flatMap((at, job) => [submitted(at), { kind: 'answer', job }])],
];

describe('residency', () => {
  it('keeps every byte of a job, and everything that sends it, in its region, whatever breaks and whoever helps', async () => {
    const tally = { sent: 0, away: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 24, size: 'max' }), async (steps) => {
        const { world, jobs } = await tell(steps);
        tally.sent += world.sent.length;
        tally.away += world.sent.filter(({ isAway }) => isAway).length;
        check(world, jobs);
      }),
      // The first runs are given: something leaves over another region's source, and mails are answered everywhere.
      { numRuns: 60, examples: GIVEN },
    );
    // Otherwise nothing has been shown.
    expect(tally.sent).toBeGreaterThan(50);
    expect(tally.away).toBeGreaterThan(0);
  }, 120_000);

  it('sends over its own source, and lets mail of a strict region wait while none of its own is available', async () => {
    const { world } = await tell([
      { kind: 'shut', sources: ['mk-eu', 'mk-eu-2', 'mk-us'] },
      submitted('eu'),
      submitted('us'),
      submitted('ap'),
    ]);
    expect(world.sent.map(({ region: at, source }) => [at, source]).sort()).toEqual([
      ['ap', 'mk-ap'],
      ['us', 'mk-ap'],
    ]);
    world.shut.clear();
    await world.run('eu');
    expect(world.sent.at(-1)).toMatchObject({ region: 'eu', source: 'mk-eu-2' });
  });

  it('comes back to its own source with the next attempt', async () => {
    const full: Step = { ...submitted('us'), kind: 'submit', behaviour: 'full' } as Step;
    const { world } = await tell([
      { kind: 'shut', sources: ['mk-us'] },
      full,
      { kind: 'run', at: 'us', faults: [], lives: [] },
    ]);
    expect(world.sent.at(-1)?.isAway).toBe(true);
    world.shut.clear();
    for (let n = 0; n < 3; n++) await world.run('us');
    expect(world.sent.at(-1)).toMatchObject({ source: 'mk-us', isAway: false });
  });

  it('refuses at the door what is for another region, and makes a dead letter of what was written past it', async () => {
    const { world, jobs } = await tell([
      submitted('us', 'eu'),
      { ...submitted('us', 'eu'), kind: 'produce' } as Step,
      { kind: 'requeue', at: 'us' },
    ]);
    expect(jobs[0]?.isAccepted).toBe(false);
    const letters = world.view('us').all(topics.deadLetters.name);
    const [letter] = letters.map(({ value }) => world.codec.decode(topics.deadLetters, value));
    expect(letters).toHaveLength(1);
    expect(letter?.ok && letter.value).toMatchObject({
      reason: 'other-region',
      detail: 'it is for eu, and this is us',
      topic: 'email.ingest.marketing',
    });
    expect(world.sent).toEqual([]);
  });
});

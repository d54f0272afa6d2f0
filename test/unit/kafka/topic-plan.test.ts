import fc from 'fast-check';
import type { TopicSpec } from '../../../src/contracts/catalog.ts';
import type { TopicState } from '../../../src/kafka/topic-plan.ts';
import { changesAnything, planTopics } from '../../../src/kafka/topic-plan.ts';

const spec = (over: Partial<TopicSpec> = {}): TopicSpec => ({
  name: 'email.things',
  entry: 'email.things',
  schema: 'Score',
  partitions: 4,
  replicationFactor: 1,
  config: { 'cleanup.policy': 'delete', 'retention.ms': '1000', 'min.insync.replicas': '1' },
  retentionMs: 1_000,
  growthCosts: null,
  carriesJobs: false,
  writer: 'someone',
  readers: ['someone'],
  why: 'For this test.',
  ...over,
});

/** The topic exactly as its spec says, with a setting of the operator's own. */
const stateOf = (
  { name, partitions, replicationFactor, config }: TopicSpec,
  over: Partial<TopicState> = {},
): TopicState => ({
  name,
  partitions,
  replicationFactor,
  effective: { 'flush.ms': '5', 'segment.bytes': '1073741824', ...config },
  own: { 'flush.ms': '5', ...config },
  ...over,
});

describe('planTopics', () => {
  it('has nothing to do where all is as it should be', () => {
    const plan = planTopics([spec()], [stateOf(spec())]);
    expect(plan).toEqual({ creates: [], grows: [], alters: [], refusals: [], unknown: [] });
    expect(changesAnything(plan)).toBe(false);
  });

  it('creates what is missing', () => {
    expect(planTopics([spec()], []).creates).toEqual([spec()]);
  });

  it('grows topics without state', () => {
    const plan = planTopics([spec()], [stateOf(spec(), { partitions: 3 })]);
    expect(plan.grows).toEqual([{ topic: 'email.things', from: 3, to: 4, costs: null }]);
    expect(plan.refusals).toEqual([]);
  });

  it('refuses to move keys away from their state, says what it costs, and does it when told so', () => {
    const wanted = spec({ growthCosts: 'Much.' });
    const cluster = [stateOf(wanted, { partitions: 3 })];
    const refused = planTopics([wanted], cluster);
    expect(refused.grows).toEqual([]);
    expect(refused.refusals).toEqual([
      {
        topic: 'email.things',
        why: '3 partitions, the catalog has 4; growth moves keys away from their state: Much. (--allow-state-growth)',
      },
    ]);
    const allowed = planTopics([wanted], cluster, { allowStateGrowth: true });
    expect(allowed.grows).toEqual([{ topic: 'email.things', from: 3, to: 4, costs: 'Much.' }]);
    expect(allowed.refusals).toEqual([]);
  });

  it('never takes partitions away', () => {
    const plan = planTopics([spec()], [stateOf(spec(), { partitions: 9 })], { allowStateGrowth: true });
    expect(changesAnything(plan)).toBe(false);
    expect(plan.refusals).toEqual([
      { topic: 'email.things', why: '9 partitions, the catalog has 4; partitions cannot be taken away' },
    ]);
  });

  it('alters what drifted, and keeps the settings that are none of ours', () => {
    const drifted = stateOf(spec());
    const effective = { ...drifted.effective, 'retention.ms': '5' };
    const plan = planTopics([spec()], [{ ...drifted, effective, own: { 'flush.ms': '5' } }]);
    expect(plan.alters).toEqual([
      {
        topic: 'email.things',
        changes: [{ name: 'retention.ms', from: '5', to: '1000' }],
        own: { 'flush.ms': '5', 'retention.ms': '1000' },
      },
    ]);
  });

  it('does not ask for more replicas in sync than there are', () => {
    const wanted = spec({ replicationFactor: 3, config: { ...spec().config, 'min.insync.replicas': '2' } });
    const plan = planTopics([wanted], [stateOf(spec())]);
    expect(plan.alters).toEqual([]);
    expect(plan.refusals).toEqual([
      { topic: 'email.things', why: '1 replicas, the configuration has 3; reassign the partitions' },
    ]);
  });

  it('names what is ours by name only, and leaves it alone', () => {
    const others = ['email.sent', 'orders', 'email.archive'].map((name) => stateOf(spec({ name })));
    const plan = planTopics([spec()], [...others, stateOf(spec())]);
    expect(plan.unknown).toEqual(['email.archive', 'email.sent']);
    expect(changesAnything(plan)).toBe(false);
  });

  it('has nothing left to do once it is carried out, whatever the cluster was', () => {
    const name = fc.constantFrom('email.a', 'email.b', 'email.c', 'other');
    const settings = fc.dictionary(
      fc.constantFrom('retention.ms', 'cleanup.policy', 'flush.ms'),
      fc.constantFrom('1', '2'),
    );
    const specs = fc.uniqueArray(
      fc.record({
        name,
        partitions: fc.integer({ min: 1, max: 9 }),
        config: settings,
        costs: fc.option(fc.constant('Much.')),
      }),
      { selector: (each) => each.name },
    );
    const states = fc.uniqueArray(fc.record({ name, partitions: fc.integer({ min: 1, max: 9 }), own: settings }), {
      selector: (each) => each.name,
    });
    fc.assert(
      fc.property(specs, states, fc.boolean(), (wanted, found, allowStateGrowth) => {
        const catalog = wanted.map(({ costs, ...rest }) => spec({ ...rest, growthCosts: costs }));
        const cluster = found.map(({ own, ...rest }) => ({ ...rest, replicationFactor: 1, own, effective: own }));
        const plan = planTopics(catalog, cluster, { allowStateGrowth });
        const after = cluster.map((state) => {
          const own = plan.alters.find(({ topic }) => topic === state.name)?.own ?? state.own;
          const partitions = plan.grows.find(({ topic }) => topic === state.name)?.to ?? state.partitions;
          expect(partitions).toBeGreaterThanOrEqual(state.partitions);
          expect(Object.keys(own)).toEqual(expect.arrayContaining(Object.keys(state.own)));
          return { ...state, partitions, own, effective: own };
        });
        const created = plan.creates.map((each) => stateOf(each));
        const again = planTopics(catalog, [...after, ...created], { allowStateGrowth });
        expect(changesAnything(again)).toBe(false);
        expect(again.refusals).toEqual(plan.refusals);
      }),
    );
  });
});

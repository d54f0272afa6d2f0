import type { TopicSpec } from '../contracts/catalog.ts';

/** One topic as the cluster has it. */
export interface TopicState {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Every setting with the value in force, wherever it comes from. */
  readonly effective: Readonly<Record<string, string>>;
  /** Settings of the topic itself. */
  readonly own: Readonly<Record<string, string>>;
}

export interface Growth {
  readonly topic: string;
  readonly from: number;
  readonly to: number;
  /** What moves with it, where keys have state; null: nothing. */
  readonly costs: string | null;
}

export interface Alteration {
  readonly topic: string;
  readonly changes: readonly { readonly name: string; readonly from: string | null; readonly to: string }[];
  /** All of the topic's own settings as they will be: the request replaces them whole. */
  readonly own: Readonly<Record<string, string>>;
}

/** What is different and is not ours to change without being told so. */
export interface Refusal {
  readonly topic: string;
  readonly why: string;
}

/** The way from the cluster as it is to the catalog, as far as it can be gone without losing anything. */
export interface TopicPlan {
  readonly creates: readonly TopicSpec[];
  readonly grows: readonly Growth[];
  readonly alters: readonly Alteration[];
  readonly refusals: readonly Refusal[];
  /** Topics that begin as ours do and are not in the catalog: someone's own, or left over from a larger configuration. */
  readonly unknown: readonly string[];
}

export interface TopicPlanOptions {
  /** Grow also where keys then move away from their state. */
  readonly allowStateGrowth?: boolean;
}

/** `email`, or that of a region: `email-eu`. */
const domainOf = (name: string): string => name.split('.', 1)[0] as string;

/** Tells the topics that begin as those of the catalog do: of this pipeline, or this region of it. */
export function isOneOf(catalog: readonly TopicSpec[]): (name: string) => boolean {
  const domains = new Set(catalog.map(({ name }) => domainOf(name)));
  return (name) => domains.has(domainOf(name));
}

/** Compares the catalog with the cluster. Nothing in the answer shrinks or deletes. */
export function planTopics(
  catalog: readonly TopicSpec[],
  cluster: readonly TopicState[],
  options: TopicPlanOptions = {},
): TopicPlan {
  const states = new Map(cluster.map((state) => [state.name, state]));
  const known = new Set(catalog.map((spec) => spec.name));
  const isOurs = isOneOf(catalog);
  const present = catalog.flatMap((spec) => {
    const state = states.get(spec.name);
    return state === undefined ? [] : [{ spec, state }];
  });
  const growths = present.flatMap(({ spec, state }) => growthOf(spec, state));
  const mayGrow = (growth: Growth) => growth.costs === null || options.allowStateGrowth === true;
  return {
    creates: catalog.filter((spec) => !states.has(spec.name)),
    grows: growths.filter(mayGrow),
    alters: present.flatMap(({ spec, state }) => alterationOf(spec, state)),
    refusals: [
      ...present.flatMap(({ spec, state }) => differences(spec, state)),
      ...growths.filter((growth) => !mayGrow(growth)).map(refusedGrowth),
    ],
    unknown: cluster
      .map((state) => state.name)
      .filter((name) => isOurs(name) && !known.has(name))
      .sort(),
  };
}

/** Whether applying the plan would change anything. */
export const changesAnything = ({ creates, grows, alters }: TopicPlan): boolean =>
  creates.length + grows.length + alters.length > 0;

function growthOf(spec: TopicSpec, state: TopicState): readonly Growth[] {
  if (state.partitions >= spec.partitions) return [];
  return [{ topic: spec.name, from: state.partitions, to: spec.partitions, costs: spec.growthCosts }];
}

const refusedGrowth = ({ topic, from, to, costs }: Growth): Refusal => ({
  topic,
  why: `${from} partitions, the catalog has ${to}; growth moves keys away from their state: ${costs} (--allow-state-growth)`,
});

function differences(spec: TopicSpec, state: TopicState): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (state.partitions > spec.partitions) {
    const why = `${state.partitions} partitions, the catalog has ${spec.partitions}; partitions cannot be taken away`;
    refusals.push({ topic: spec.name, why });
  }
  if (state.replicationFactor !== spec.replicationFactor) {
    const why = `${state.replicationFactor} replicas, the configuration has ${spec.replicationFactor}; reassign the partitions`;
    refusals.push({ topic: spec.name, why });
  }
  return refusals;
}

function alterationOf(spec: TopicSpec, state: TopicState): readonly Alteration[] {
  const wanted = { ...spec.config };
  // More replicas in sync than there are would stop every write; it follows once the partitions are reassigned.
  if (state.replicationFactor < spec.replicationFactor) delete wanted['min.insync.replicas'];
  const changes = Object.entries(wanted)
    .filter(([name, to]) => state.effective[name] !== to)
    .map(([name, to]) => ({ name, from: state.effective[name] ?? null, to }));
  if (changes.length === 0) return [];
  const own = { ...state.own, ...Object.fromEntries(changes.map(({ name, to }) => [name, to])) };
  return [{ topic: spec.name, changes, own }];
}

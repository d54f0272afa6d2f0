import type { Draft, Fold, Input, Output, StreamDefinition } from './processor.ts';

/**
 * Several definitions of the same inputs as one: each folds the inputs that `choose` gives it, in one transaction. For
 * tables that are keyed alike and folded from one log, where no input belongs to more than one of them. None may gate.
 */
export function joinedDefinition<V>(
  name: string,
  version: string,
  definitions: readonly StreamDefinition<V>[],
  choose: (input: Input<V>) => number,
): StreamDefinition<V> {
  return {
    name,
    version,
    inputs: definitions[0]?.inputs ?? [],
    decode: true,
    stage: 'decode',
    async open(task, restore, committed) {
      const folds: Fold<V>[] = [];
      // One after the other: they share the task's producer, which restores by a barrier each.
      for (const definition of definitions) folds.push(await definition.open(task, restore, committed));
      return joinedFold(folds, choose);
    },
  };
}

/** The fold of such a definition, where its parts are open already. */
export function joinedFold<V>(folds: readonly Fold<V>[], choose: (input: Input<V>) => number): Fold<V> {
  return {
    fold(inputs, now) {
      const parts = folds.map((): Input<V>[] => []);
      for (const input of inputs) parts[choose(input)]?.push(input);
      const drafts = folds.map((fold, n) => fold.fold(parts[n] ?? [], now));
      const outputs: Output[] = drafts.flatMap((draft) => draft.outputs);
      return { outputs, consumed: inputs.length, waitUntil: null, believe: believing(drafts) };
    },
  };
}

/** Each draft is told where its own outputs landed. */
const believing =
  (drafts: readonly Draft[]): Draft['believe'] =>
  async (landed) => {
    let from = 0;
    for (const draft of drafts) {
      const to = from + draft.outputs.length;
      await draft.believe(landed.slice(from, to));
      from = to;
    }
  };

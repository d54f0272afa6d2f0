import type { Topic } from '../contracts/topic.ts';
import type { Millis } from '../domain/time.ts';
import type { Headers, StoredRecord, Task } from './ports.ts';

/** One decoded record of the input topic. `at` is the record's append time: time is an input. */
export interface Input<V> {
  readonly key: string;
  readonly value: V;
  readonly at: Millis;
  /** The record as it lies in the log: offset, headers, and the bytes that may be passed on unchanged. */
  readonly record: StoredRecord;
}

/** One typed record to be written. A `Raw` value is passed through as it is (job bytes are never encoded twice). */
export interface Output<V = unknown> {
  readonly topic: Topic<V>;
  readonly key: string | null;
  readonly value: V | Raw | null;
  readonly headers?: Headers;
  readonly partition?: number;
}

/** Bytes that are already in the wire format of the topic's schema. */
export class Raw {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** The only way to write an output: a payload that does not fit its topic does not compile. */
export const emit = <V>(
  topic: Topic<V>,
  key: string | null,
  value: NoInfer<V> | Raw | null,
  rest: { readonly headers?: Headers; readonly partition?: number } = {},
): Output<V> => ({ topic, key, value, ...rest });

/** What one step answers: the state's successor and what is to be written. */
export interface Step<S> {
  readonly state: S;
  readonly outputs: readonly Output[];
}

/**
 * The pure core of a table: state per key, one row of `table` per key. No clock, no randomness, no await: same arguments,
 * same answer, for ever. The input's key is the state key.
 */
export interface Processor<S, E> {
  readonly name: string;
  /** Goes into dead letters and evidence; changes whenever an answer of `step` could change. */
  readonly version: string;
  readonly input: Topic<E>;
  readonly table: Topic<S>;
  /** Further tables whose rows `step` puts out: they lie in the input's partition, as the rows of `table` do. */
  readonly rows?: readonly Topic<unknown>[];
  initial(key: string): S;
  /** Answers the same state object where nothing changed: then no row is written. */
  step(state: S, event: Input<E>): Step<S>;
}

/**
 * What the runtime folds for one owned task. `tableFold` makes one of a `Processor`; a processor whose state is no
 * plain table (the router's set of seen ids, the delay's gate) implements it itself.
 */
export interface Fold<V> {
  /**
   * Waited for before the batch is folded: what a step needs of the inputs and can only be waited for, such as a mail taken
   * apart. The same inputs may come again. Must not change what is believed.
   */
  prepare?(inputs: readonly Input<V>[]): Promise<void>;
  /**
   * Folds a batch over a draft. Must not change what is believed. `now` is the shell's clock, only for folds that gate on it.
   */
  fold(inputs: readonly Input<V>[], now: Millis): Draft;
}

export interface Draft {
  readonly outputs: readonly Output[];
  /** How many of the inputs were folded, from the front; fewer than given only where a gate says wait. */
  readonly consumed: number;
  /** When the first one that was not consumed may be tried again. */
  readonly waitUntil: Millis | null;
  /** Facts for telemetry: how often each decision was taken. Counted only once committed. */
  readonly counts?: ReadonlyMap<string, number>;
  /** Called once, after the log said yes, with where the outputs landed: makes the draft what is believed. */
  believe(landed: readonly { readonly partition: number; readonly offset: number }[]): void | Promise<void>;
}

/** A stateful or stateless processor over one or more input topics, as the runtime runs it. */
export interface StreamDefinition<V> {
  readonly name: string;
  readonly version: string;
  /** Every topic of the group; one group has one fixed topic set. */
  readonly inputs: readonly Topic<V>[];
  /** False: values are passed on unread (`Input.value` is undefined), as the delay processor does. */
  readonly decode: boolean;
  /** Stage that dead letters of undecodable input name. */
  readonly stage: string;
  /** Makes the task's fold, with its state restored. Called after the fence, before the first batch. */
  open(task: Task, restore: Restore, committed: { readonly nextOffset: number }): Promise<Fold<V>>;
}

/** Reads a changelog partition from an offset up to a barrier; answers the offset to go on from. */
export type Restore = (
  topic: Topic<unknown>,
  partition: number,
  fromOffset: number,
  apply: (records: readonly StoredRecord[]) => void | Promise<void>,
) => Promise<number>;

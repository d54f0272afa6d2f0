/**
 * One repair of kafkajs 2.2.4: a module of it, and what takes the module's place. The same list is applied in production
 * (`../guards.ts`) and under Jest (`test/support/kafkajs-guard.setup.cjs`), whose module registry is its own.
 * Nothing in this folder may import kafkajs: it has to be in place before kafkajs is first loaded.
 */
export interface Guard {
  readonly name: string;
  /** Path below `kafkajs/src/`. */
  readonly path: string;
  /** Answers what the module exports from now on: a replacement, or the original class with methods replaced. */
  wrap(original: never, load: Load): object;
}

/** Another module of kafkajs, by its path below `kafkajs/src/`. */
export type Load = (path: string) => unknown;

/** Marks what a guard has put in place, and counts its calls, so that the start can prove that kafkajs really uses it. */
export const GUARD_MARK = Symbol.for('postlane.kafkajs-guard');

export interface GuardMark {
  readonly name: string;
  /** A replacement can be missed by who holds the original; a class is changed where it stands, so nobody can miss it. */
  readonly kind: 'replacement' | 'class';
  hits: number;
}

export const markOf = (exported: unknown): GuardMark | undefined =>
  (exported as { [GUARD_MARK]?: GuardMark } | null)?.[GUARD_MARK];

/** A replacement function that carries its mark. */
export function guarded<A extends unknown[], R>(name: string, replacement: (...args: A) => R): (...args: A) => R {
  const mark: GuardMark = { name, kind: 'replacement', hits: 0 };
  const counted = (...args: A): R => {
    mark.hits++;
    return replacement(...args);
  };
  return Object.assign(counted, { [GUARD_MARK]: mark });
}

/** The original class with some methods replaced; each replacement gets the original method first. */
export function guardedClass<C extends { prototype: object }>(
  name: string,
  original: C,
  methods: Readonly<Record<string, (originalMethod: Method) => Method>>,
): C {
  const mark: GuardMark = { name, kind: 'class', hits: 0 };
  const prototype = original.prototype as Record<string, Method>;
  for (const [methodName, replace] of Object.entries(methods)) {
    const originalMethod = prototype[methodName];
    if (typeof originalMethod !== 'function') throw new TypeError(`kafkajs has no method ${methodName} to guard`);
    const replacement = replace(originalMethod);
    prototype[methodName] = function counted(this: unknown, ...args: unknown[]): unknown {
      mark.hits++;
      return replacement.apply(this, args);
    };
  }
  return Object.assign(original, { [GUARD_MARK]: mark });
}

// biome-ignore lint/suspicious/noExplicitAny: methods of an untyped library, told apart by the guards themselves
export type Method = (this: any, ...args: any[]) => any;

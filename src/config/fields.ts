import { join, type MapTree, type Tree } from './document.ts';
import { suggestion } from './problems.ts';

/** Where a value stands: for telling what is wrong with it. */
export interface Place {
  readonly path: string;
  /** Line of the value, else of what should hold it. */
  readonly line: number | null;
  /** Called with what is wrong. */
  readonly tell: (path: string, line: number | null, message: string) => void;
}

/** Reads one value, or tells what is wrong and answers a harmless one, so that the reading goes on to the next problem. */
export interface Field<T> {
  read(tree: Tree | undefined, place: Place): T;
}
export type ValueOf<F> = F extends Field<infer T> ? T : never;

/** A missing value, and one that is written and empty (`key:`), are the same. */
const isEmpty = (tree: Tree | undefined): tree is undefined =>
  tree === undefined || (tree.kind === 'scalar' && tree.value === null);

const shown = (value: unknown): string => JSON.stringify(typeof value === 'string' ? value.slice(0, 60) : value);

interface ScalarOptions<T> {
  /** Taken where nothing is written. Without one the value is required. */
  readonly default?: T;
}

/** `parse` answers the value, or what is wrong with it as `{ problem }`. `zero` is answered along with a problem. */
function scalar<T>(
  what: string,
  zero: T,
  options: ScalarOptions<T>,
  parse: (value: string | number | boolean) => T | { readonly problem: string },
): Field<T> {
  return {
    read(tree, place) {
      if (isEmpty(tree)) {
        if (options.default !== undefined) return options.default;
        place.tell(place.path, place.line, 'is missing');
        return zero;
      }
      if (tree.kind !== 'scalar') {
        place.tell(place.path, place.line, `must be ${what}`);
        return options.default ?? zero;
      }
      const parsed = parse(tree.value as string | number | boolean);
      if (typeof parsed !== 'object' || parsed === null || !('problem' in parsed)) return parsed;
      place.tell(place.path, place.line, (parsed as { readonly problem: string }).problem);
      return options.default ?? zero;
    },
  };
}

export interface TextOptions extends ScalarOptions<string> {
  readonly pattern?: Pick<RegExp, 'test'>;
  /** What the text must be, for the problem. */
  readonly what?: string;
  /** The value is not repeated in problems: it may hold what nobody should read. */
  readonly secret?: boolean;
}

/** Text of at most 1024 characters on one line. */
export function text(options: TextOptions = {}): Field<string> {
  const what = options.what ?? 'text';
  return scalar<string>(what, '', options, (value) => {
    const word = String(value);
    const fits = word.length <= 1_024 && !/\p{Cc}/u.test(word) && (options.pattern?.test(word) ?? true);
    return fits ? word : { problem: `must be ${what}${options.secret ? '' : `, not ${shown(word)}`}` };
  });
}

export interface NumberOptions extends ScalarOptions<number> {
  readonly min: number;
  readonly max: number;
}

const inRange = (value: number, { min, max }: NumberOptions): number | { problem: string } =>
  value >= min && value <= max ? value : { problem: `must lie between ${min} and ${max}, not ${value}` };

export const integer = (options: NumberOptions): Field<number> =>
  scalar<number>('a whole number', options.min, options, (value) =>
    Number.isSafeInteger(value)
      ? inRange(value as number, options)
      : { problem: `must be a whole number, not ${shown(value)}` },
  );

export const decimal = (options: NumberOptions): Field<number> =>
  scalar<number>('a number', options.min, options, (value) =>
    Number.isFinite(value) ? inRange(value as number, options) : { problem: `must be a number, not ${shown(value)}` },
  );

export const flag = (options: ScalarOptions<boolean>): Field<boolean> =>
  scalar<boolean>('true or false', false, options, (value) =>
    typeof value === 'boolean' ? value : { problem: `must be true or false, not ${shown(value)}` },
  );

export const oneOf = <const T extends string>(words: readonly T[], options: ScalarOptions<T> = {}): Field<T> =>
  scalar<T>(`one of ${words.join(', ')}`, words[0] as T, options, (value) =>
    words.includes(value as T)
      ? (value as T)
      : { problem: `must be one of ${words.join(', ')}, not ${shown(value)}${suggestion(String(value), words)}` },
  );

/** A number with a unit. Without one it is refused: nobody should have to guess. */
function measure(
  what: string,
  example: string,
  units: Readonly<Record<string, number>>,
  options: NumberOptions,
): Field<number> {
  const pattern = new RegExp(`^([0-9]{1,12}(?:\\.[0-9]{1,3})?) ?(${Object.keys(units).join('|')})$`);
  return scalar<number>(what, options.min, options, (value) => {
    const match = pattern.exec(String(value));
    if (!match) return { problem: `must be ${what} with its unit, as in ${example}, not ${shown(value)}` };
    const size = Math.round(Number(match[1]) * (units[match[2] as string] as number));
    const fits = size >= options.min && size <= options.max;
    return fits
      ? size
      : { problem: `must lie between ${format(options.min, units)} and ${format(options.max, units)}` };
  });
}

const format = (size: number, units: Readonly<Record<string, number>>): string => {
  const [unit, factor] = Object.entries(units).findLast(([, one]) => size >= one && size % one === 0) ?? ['', 1];
  return `${size / factor}${unit}`;
};

const TIME_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS = {
  B: 1,
  KB: 1_000,
  KiB: 1_024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
};

/** Milliseconds, written `250ms`, `30s`, `5m`, `72h` or `7d`. */
export const duration = (options: NumberOptions): Field<number> => measure('a time', '30s', TIME_UNITS, options);
/** Bytes, written `512KB`, `5MB`, `64MiB`. */
export const size = (options: NumberOptions): Field<number> => measure('a size', '5MB', SIZE_UNITS, options);

/** `null` where nothing is written. */
export const optional = <T>(field: Field<T>): Field<T | null> => ({
  read: (tree, place) => (isEmpty(tree) ? null : field.read(tree, place)),
});

/** A word of a few, or what another field reads: `none`, or a number. */
export const wordOr = <const W extends string, T>(words: readonly W[], field: Field<T>): Field<W | T> => ({
  read(tree, place) {
    const word = tree?.kind === 'scalar' ? words.find((one) => one === tree.value) : undefined;
    return word ?? field.read(tree, place);
  },
});

/** A list; a single value is a list of one. */
export function list<T>(
  field: Field<T>,
  options: { readonly max: number; readonly default?: readonly T[] },
): Field<readonly T[]> {
  return {
    read(tree, place) {
      if (isEmpty(tree)) return options.default ?? [];
      if (tree.kind === 'map') {
        place.tell(place.path, place.line, 'must be a list');
        return [];
      }
      const items = tree.kind === 'list' ? tree.items : [tree];
      if (items.length > options.max) {
        place.tell(place.path, place.line, `must hold at most ${options.max} entries`);
        return [];
      }
      return items.map((item, index) =>
        field.read(item, { ...place, path: `${place.path}[${index}]`, line: item.line ?? place.line }),
      );
    },
  };
}

type RecordValue<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** Known keys and no others. */
export function record<S extends Readonly<Record<string, Field<unknown>>>>(shape: S): Field<RecordValue<S>> {
  const known = Object.keys(shape);
  return {
    read(tree, place) {
      const map = asMap(tree, place);
      for (const [key, value] of map?.entries ?? []) {
        if (Object.hasOwn(shape, key)) continue;
        place.tell(join(place.path, key), value.line, `is not a key that exists here${suggestion(key, known)}`);
      }
      const read = known.map((key) => {
        const child = map?.entries.get(key);
        const line = child?.line ?? place.line;
        return [key, (shape[key] as Field<unknown>).read(child, { ...place, path: join(place.path, key), line })];
      });
      return Object.fromEntries(read) as RecordValue<S>;
    },
  };
}

/** Names that the operator chooses. They become metric labels and parts of keys. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Entries under names. With `known`, only those names may occur. */
export function named<T>(
  field: Field<T>,
  options: { readonly max: number; readonly known?: readonly string[] },
): Field<ReadonlyMap<string, T>> {
  return {
    read(tree, place) {
      const read = new Map<string, T>();
      const map = asMap(tree, place);
      if (map && map.entries.size > options.max) {
        place.tell(place.path, place.line, `must hold at most ${options.max} entries`);
        return read;
      }
      for (const [key, value] of map?.entries ?? []) {
        const path = join(place.path, key);
        if (options.known && !options.known.includes(key)) {
          place.tell(path, value.line, `is not a name that exists here${suggestion(key, options.known)}`);
        } else if (NAME.test(key)) {
          read.set(key, field.read(value, { ...place, path, line: value.line ?? place.line }));
        } else {
          place.tell(path, value.line, 'must be a name of lower-case letters, digits and hyphens');
        }
      }
      return read;
    },
  };
}

function asMap(tree: Tree | undefined, place: Place): MapTree | null {
  if (isEmpty(tree)) return null;
  if (tree.kind === 'map') return tree;
  place.tell(place.path, place.line, 'must hold keys and values');
  return null;
}

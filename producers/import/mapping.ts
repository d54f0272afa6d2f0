import type { NameValue } from '../../src/contracts/generated.ts';
import { parseIsoTime } from '../../src/domain/iso-time.ts';
import type { EmailJobInput, PayloadInput } from '../../src/domain/job-input.ts';
import type { Millis } from '../../src/domain/time.ts';

/** One `--map target=column`. */
export interface ColumnMapping {
  readonly target: string;
  readonly column: string;
}

/** What a file's columns become. */
export interface MappingRules {
  readonly mappings: readonly ColumnMapping[];
  /** The column whose value tells rows apart; null: their lines do. */
  readonly keyColumn: string | null;
  /** Variables of the template; none for mails without one. */
  readonly variables: readonly string[];
}

/** Columns that hold the address, where none is mapped to it, in the order in which they are looked for. */
const RECIPIENT_COLUMNS = [
  'recipient',
  'email',
  'email address',
  'emailaddress',
  'e-mail',
  'email_address',
  'address',
  'mail',
];
const PAYLOAD_TARGETS = ['from', 'replyTo', 'subject', 'html', 'text', 'unsubscribeLink'] as const;
const TIME_TARGETS = ['sendAt', 'expiresAt'] as const;
type PayloadTarget = (typeof PAYLOAD_TARGETS)[number];
type TimeTarget = (typeof TIME_TARGETS)[number];

/** What a row says about its mail. */
export interface MappedRow {
  readonly key: string | null;
  readonly recipient: string;
  readonly mergeData: readonly NameValue[];
  readonly metadata: readonly NameValue[];
  readonly tags: readonly string[];
  readonly payload: PayloadInput;
  readonly times: Pick<EmailJobInput, TimeTarget>;
}

export type Mapped =
  | { readonly ok: true; readonly row: MappedRow }
  | { readonly ok: false; readonly problem: 'time-invalid' | 'key-missing'; readonly detail: string };

/** Reads rows of one list of columns. */
export type MapRow = (fields: readonly string[]) => Mapped;

export type Compiled =
  | { readonly ok: true; readonly map: MapRow }
  | { readonly ok: false; readonly problem: 'column-missing'; readonly detail: string };

type Indexed = readonly { readonly name: string; readonly at: number }[];

/** Looks the columns up once. Answers which one is missing, if any is. */
export function compileMapping(columns: readonly string[], rules: MappingRules): Compiled {
  const { mappings, keyColumn } = rules;
  const missing = [...mappings.map(({ column }) => column), ...(keyColumn === null ? [] : [keyColumn])].find(
    (column) => !columns.includes(column),
  );
  if (missing !== undefined) return { ok: false, problem: 'column-missing', detail: missing };
  const at = (target: string): number => {
    const found = mappings.find((mapping) => mapping.target === target);
    return found === undefined ? -1 : columns.indexOf(found.column);
  };
  const recipientAt = mappings.some(({ target }) => target === 'recipient') ? at('recipient') : guessed(columns);
  if (recipientAt < 0) return { ok: false, problem: 'column-missing', detail: 'recipient' };
  const places: Places = {
    recipientAt,
    keyAt: keyColumn === null ? -1 : columns.indexOf(keyColumn),
    merge: mergeOf(columns, rules),
    metadata: prefixed(columns, mappings, 'metadata.'),
    tags: mappings.filter(({ target }) => target === 'tag').map(({ column }) => columns.indexOf(column)),
    payload: PAYLOAD_TARGETS.map((name) => ({ name, at: at(name) })).filter((one) => one.at >= 0),
    times: TIME_TARGETS.map((name) => ({ name, at: at(name) })).filter((one) => one.at >= 0),
  };
  return { ok: true, map: (fields) => mapRow(fields, places) };
}

interface Places {
  readonly recipientAt: number;
  readonly keyAt: number;
  readonly merge: Indexed;
  readonly metadata: Indexed;
  readonly tags: readonly number[];
  readonly payload: readonly { readonly name: PayloadTarget; readonly at: number }[];
  readonly times: readonly { readonly name: TimeTarget; readonly at: number }[];
}

function guessed(columns: readonly string[]): number {
  const names = columns.map((name) => name.toLowerCase());
  return RECIPIENT_COLUMNS.map((name) => names.indexOf(name)).find((index) => index >= 0) ?? -1;
}

const prefixed = (columns: readonly string[], mappings: readonly ColumnMapping[], prefix: string): Indexed =>
  mappings
    .filter(({ target }) => target.startsWith(prefix) && target.length > prefix.length)
    .map(({ target, column }) => ({ name: target.slice(prefix.length), at: columns.indexOf(column) }));

const RESERVED: ReadonlySet<string> = new Set(['recipient', 'tag', ...PAYLOAD_TARGETS, ...TIME_TARGETS]);

/**
 * For each variable the column that is mapped to it, else the one of its name, else the only one that is called the same but for
 * case, spaces and punctuation: `first_name` finds `First Name`. What no variable asks for does not travel.
 */
function mergeOf(columns: readonly string[], { mappings, variables }: MappingRules): Indexed {
  const alike = columns.map(bare);
  return variables.flatMap((name) => {
    const mapped = mappings.find(
      ({ target }) => target === `merge.${name}` || (target === name && !RESERVED.has(name)),
    );
    if (mapped) return [{ name, at: columns.indexOf(mapped.column) }];
    const exact = columns.indexOf(name);
    if (exact >= 0) return [{ name, at: exact }];
    const found = alike.indexOf(bare(name));
    return found >= 0 && found === alike.lastIndexOf(bare(name)) ? [{ name, at: found }] : [];
  });
}

const bare = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** Targets that mean nothing: no field of a mail, and no variable of its template. */
export const unknownTargets = ({
  mappings,
  variables,
}: Pick<MappingRules, 'mappings' | 'variables'>): readonly string[] =>
  mappings
    .map(({ target }) => target)
    .filter(
      (target) =>
        !RESERVED.has(target) && !/^metadata\../.test(target) && !variables.includes(target.replace(/^merge\./, '')),
    );

/** A number behind the first is a field more than the header knows, and comes with no name. */
const fieldAt = (fields: readonly string[], at: number): string => fields[at] ?? '';

function mapRow(fields: readonly string[], places: Places): Mapped {
  const key = places.keyAt < 0 ? null : fieldAt(fields, places.keyAt).trim();
  if (key === '') return { ok: false, problem: 'key-missing', detail: '' };
  const times: { [Name in TimeTarget]?: Millis } = {};
  for (const { name, at } of places.times) {
    const text = fieldAt(fields, at).trim();
    if (text === '') continue;
    const time = parseIsoTime(text);
    if (time === null) return { ok: false, problem: 'time-invalid', detail: name };
    times[name] = time;
  }
  const payload: { [Name in PayloadTarget]?: string } = {};
  for (const { name, at } of places.payload) if (fieldAt(fields, at) !== '') payload[name] = fieldAt(fields, at);
  const named = ({ name, at }: Indexed[number]): NameValue => ({ name, value: fieldAt(fields, at) });
  return {
    ok: true,
    row: {
      key,
      recipient: fieldAt(fields, places.recipientAt).trim(),
      // An empty field is nothing to merge: a template's own default holds, or it says that the value is missing.
      mergeData: places.merge.map(named).filter(({ value }) => value !== ''),
      metadata: places.metadata.map(named),
      tags: places.tags.map((at) => fieldAt(fields, at).trim()).filter((tag) => tag !== ''),
      payload,
      times,
    },
  };
}

import { DAY_MS, HOUR_MS } from '../domain/time.ts';
import type { SchemaName } from './generated.ts';
import { schemas } from './generated.ts';

const CLEANUPS = ['delete', 'compact', 'compact,delete'] as const;
const COMPRESSIONS = ['producer', 'uncompressed'] as const;
const MESSAGE_BYTES = ['job', 'dead-letter', 'record'] as const;
const VARIABLES = ['type', 'queue', 'provider', 'tier'];

/** One entry of topics.yaml, checked. The file's own head says what each field means. */
export interface CatalogEntry {
  readonly name: string;
  readonly key: string;
  readonly schema: SchemaName;
  /** A number, or the name of the entry that counts for it. */
  readonly partitions: number | string;
  /** Other numbers, by the value of a variable. */
  readonly partitionsOf: Readonly<Record<string, number>>;
  readonly growthCosts: string | null;
  readonly cleanup: (typeof CLEANUPS)[number];
  /** Infinity: for ever. */
  readonly retentionMs: number;
  readonly compression: (typeof COMPRESSIONS)[number];
  readonly messageBytes: (typeof MESSAGE_BYTES)[number];
  readonly carriesJobs: boolean;
  readonly writer: string;
  readonly readers: readonly string[];
  readonly why: string;
}

export interface ParsedCatalog {
  readonly entries: readonly CatalogEntry[];
  /** Sentences; the entries must not be used where there are any. */
  readonly problems: readonly string[];
}

const FIELDS: Readonly<Record<string, 'required' | 'optional'>> = {
  name: 'required',
  key: 'required',
  value: 'required',
  partitions: 'required',
  partitionsOf: 'optional',
  growthCosts: 'optional',
  cleanup: 'required',
  retention: 'required',
  compression: 'required',
  messageBytes: 'required',
  carriesJobs: 'required',
  writer: 'required',
  readers: 'required',
  why: 'required',
};

type Fields = Readonly<Record<string, unknown>>;

/** Parses the content of topics.yaml, as the YAML parser gave it. Lists every problem. */
export function parseCatalog(document: unknown): ParsedCatalog {
  const list = isFields(document) && Array.isArray(document.topics) ? (document.topics as unknown[]) : null;
  if (list === null) return { entries: [], problems: ['topics.yaml: has no list of topics'] };
  const problems: string[] = [];
  const entries = list.flatMap((item, n) => {
    const where = isFields(item) && typeof item.name === 'string' ? item.name : `topics[${n}]`;
    const wrong = isFields(item)
      ? checkEntry(item).map((problem) => `${where}: ${problem}`)
      : [`${where}: is no entry`];
    problems.push(...wrong);
    return wrong.length === 0 ? [toEntry(item as Fields)] : [];
  });
  return { entries, problems: [...problems, ...checkReferences(entries)] };
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `7d`, `36h` or `forever`, in milliseconds; NaN for anything else. */
export function parseRetention(text: unknown): number {
  if (text === 'forever') return Number.POSITIVE_INFINITY;
  const match = typeof text === 'string' ? /^([1-9]\d{0,4})([dh])$/.exec(text) : null;
  return match ? Number(match[1]) * (match[2] === 'd' ? DAY_MS : HOUR_MS) : Number.NaN;
}

function checkEntry(fields: Fields): readonly string[] {
  const problems: string[] = [];
  const need = (holds: boolean, problem: string) => void (holds || problems.push(problem));
  const isText = (name: string) => typeof fields[name] === 'string' && fields[name] !== '';
  const isOneOf = (name: string, values: readonly unknown[]) => values.includes(fields[name]);
  for (const name of Object.keys(fields)) need(Object.hasOwn(FIELDS, name), `unknown field ${name}`);
  for (const name of ['name', 'key', 'writer', 'why']) need(isText(name), `${name} is missing`);
  const variables = [...String(fields.name).matchAll(/\{(\w*)\}/g)].map((match) => match[1] ?? '');
  for (const name of variables) need(VARIABLES.includes(name), `unknown variable {${name}}`);
  need(Object.keys(schemas).includes(String(fields.value)), `value ${String(fields.value)} is no schema of schemas/`);
  need(isCount(fields.partitions) || isText('partitions'), 'partitions must be a count or the name of an entry');
  const own = fields.partitionsOf ?? {};
  need(isFields(own) && Object.values(own).every(isCount), 'partitionsOf must give counts');
  need(fields.growthCosts === undefined || isText('growthCosts'), 'growthCosts must say something');
  need(isOneOf('cleanup', CLEANUPS), `cleanup must be one of ${CLEANUPS.join(' | ')}`);
  const retentionMs = parseRetention(fields.retention);
  need(!Number.isNaN(retentionMs), 'retention must be such as 7d, 36h or forever');
  need(fields.cleanup !== 'compact' || retentionMs === Number.POSITIVE_INFINITY, 'a table is kept for ever');
  need(isOneOf('compression', COMPRESSIONS), `compression must be one of ${COMPRESSIONS.join(' | ')}`);
  need(isOneOf('messageBytes', MESSAGE_BYTES), `messageBytes must be one of ${MESSAGE_BYTES.join(' | ')}`);
  need(isOneOf('carriesJobs', [true, false]), 'carriesJobs must be true or false');
  need(fields.carriesJobs !== true || fields.messageBytes === 'job', 'what carries jobs must have room for one');
  const readers = fields.readers;
  const named = Array.isArray(readers) && readers.length > 0 && readers.every((reader) => typeof reader === 'string');
  need(named, 'readers must be a list of names');
  return problems;
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1;

function toEntry(fields: Fields): CatalogEntry {
  const { value, retention, partitionsOf, growthCosts, ...rest } = fields;
  return {
    ...(rest as unknown as CatalogEntry),
    schema: value as SchemaName,
    partitionsOf: (partitionsOf ?? {}) as Readonly<Record<string, number>>,
    growthCosts: (growthCosts ?? null) as string | null,
    retentionMs: parseRetention(retention),
  };
}

function checkReferences(entries: readonly CatalogEntry[]): readonly string[] {
  return entries.flatMap((entry, n) => {
    const problems: string[] = [];
    if (entries.findIndex((other) => other.name === entry.name) !== n) problems.push(`${entry.name}: is there twice`);
    if (typeof entry.partitions === 'string') {
      const other = entries.find((candidate) => candidate.name === entry.partitions);
      if (other === undefined || typeof other.partitions === 'string') {
        problems.push(`${entry.name}: partitions names no entry that has a count`);
      }
      if (entry.growthCosts === null) problems.push(`${entry.name}: growthCosts is missing`);
    }
    return problems;
  });
}

import type { Avro, AvroNamed, AvroRecord } from './avro.ts';
import { isUnion, namedTypes } from './avro.ts';

const PRIMITIVES: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
};

/** Longest line of a docstring; only looks depend on it. */
const DOC_COLUMNS = 116;

/**
 * Writes the TypeScript of a set of schemas that `checkSchemas` found good: a type per record and enum, and the schemas
 * themselves as constants, so that nothing reads files at run time. The same schemas give the same text, for ever.
 */
export function renderContracts(schemas: readonly AvroRecord[]): string {
  const named = new Map<string, AvroNamed>();
  for (const type of schemas.flatMap(namedTypes)) if (!named.has(type.name)) named.set(type.name, type);
  const names = schemas.map((schema) => `'${schema.name}'`).join(' | ');
  const constants = schemas.map((schema) => `  ${schema.name}:\n    ${JSON.stringify(JSON.stringify(schema))},`);
  return [
    '// Generated from schemas/*.avsc by `npm run contracts`. Do not edit.',
    '',
    ...[...named.values()].flatMap((type) => [renderNamed(type), '']),
    '/** Name of a record schema in schemas/. */',
    `export type SchemaName =\n  ${names
      .split(' | ')
      .map((name) => `| ${name}`)
      .join('\n  ')};`,
    '',
    '/** The schemas as they are registered: the JSON text of each file in schemas/, without its white space. */',
    'export const schemas: Readonly<Record<SchemaName, string>> = {',
    ...constants,
    '};',
    '',
  ].join('\n');
}

function renderNamed(type: AvroNamed): string {
  const doc = renderDoc(type.doc ?? '', '');
  if (type.type === 'enum') {
    const symbols = type.symbols.map((symbol) => `'${symbol}'`).join(' | ');
    return `${doc}\nexport type ${type.name} = ${symbols};`;
  }
  const fields = type.fields.map(
    (field) => `${renderDoc(field.doc ?? '', '  ')}\n  ${field.name}: ${renderType(field.type)};`,
  );
  return [`${doc}\nexport interface ${type.name} {`, ...fields, '}'].join('\n');
}

function renderType(type: Avro): string {
  if (typeof type === 'string') return PRIMITIVES[type] ?? type;
  if (isUnion(type)) {
    const rest = type.filter((branch) => branch !== 'null').map(renderType);
    return [...rest, 'null'].join(' | ');
  }
  switch (type.type) {
    case 'record':
    case 'enum':
      return type.name;
    case 'array':
      return `${renderType(type.items)}[]`;
    case 'long':
      return 'number';
  }
}

/** A docstring, wrapped; a schema's doc cannot end the comment early. */
function renderDoc(doc: string, indent: string): string {
  const lines: string[] = [];
  for (const word of doc.replaceAll('*/', '* /').split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + last.length + word.length + 4 <= DOC_COLUMNS) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  if (lines.length === 1) return `${indent}/** ${lines[0]} */`;
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`].join('\n');
}

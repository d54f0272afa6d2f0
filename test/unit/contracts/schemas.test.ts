import { readFileSync } from 'node:fs';
import type { AvroRecord } from '../../../src/contracts/avro.ts';
import { checkSchemas } from '../../../src/contracts/conventions.ts';
import { readSchemas } from '../../../src/contracts/generate.ts';
import { schemas } from '../../../src/contracts/generated.ts';
import { renderContracts } from '../../../src/contracts/render.ts';

const folder = new URL('../../../schemas/', import.meta.url);
const generated = new URL('../../../src/contracts/generated.ts', import.meta.url);

/** A good schema of one record that the conventions know, with `fields` added to it. */
const withFields = (...fields: unknown[]): AvroRecord =>
  ({
    type: 'record',
    name: 'Score',
    namespace: 'postlane',
    doc: 'A record.',
    fields: [
      { name: 'subject', type: 'string', doc: 'Required.' },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' }, doc: 'Required.' },
      ...fields,
    ],
  }) as AvroRecord;

const enumOf = (symbols: string[], neutral: string) => ({
  name: 'state',
  type: { type: 'enum', name: 'State', doc: 'An enum.', symbols, default: neutral },
  default: neutral,
  doc: 'A field.',
});

describe('schemas/', () => {
  it('keeps its conventions', () => {
    expect(checkSchemas(readSchemas(folder))).toEqual([]);
  });

  it('gives the generated contracts as they are committed', () => {
    expect(renderContracts(readSchemas(folder))).toBe(readFileSync(generated, 'utf8'));
  });

  it('is embedded whole, docs included', () => {
    for (const schema of readSchemas(folder)) {
      expect(JSON.parse(schemas[schema.name as keyof typeof schemas])).toEqual(schema);
    }
    expect(Object.keys(schemas)).toHaveLength(readSchemas(folder).length);
  });
});

describe('checkSchemas', () => {
  it('finds nothing in a good schema', () => {
    const good = { name: 'action', type: ['null', 'string'], default: null, doc: 'A field.' };
    expect(checkSchemas([withFields(good, enumOf(['unknown', 'a'], 'unknown'))])).toEqual([]);
  });

  it.each([
    ['a field without a doc', [{ name: 'action', type: 'string', default: '' }], 'Score.action: has no doc'],
    ['a field without a default', [{ name: 'action', type: 'string', doc: 'A.' }], 'Score.action: has no default'],
    [
      'a map',
      [{ name: 'action', type: { type: 'map', values: 'string' }, default: {}, doc: 'A.' }],
      'Score.action: "map" is not used here (maps: take a list of NameValue)',
    ],
    [
      'list items of no bytes',
      [{ name: 'action', type: { type: 'array', items: 'null' }, default: [], doc: 'A.' }],
      'Score.action: list items that take no bytes',
    ],
    [
      'a union that is not nullable',
      [{ name: 'action', type: ['int', 'string'], default: null, doc: 'A.' }],
      'Score.action: the only unions are ["null", T]',
    ],
    [
      'a nullable field with another default',
      [{ name: 'action', type: ['null', 'string'], default: '', doc: 'A.' }],
      "Score.action: a nullable field's default is null",
    ],
    [
      'a time that is a bare long',
      [{ name: 'until', type: 'long', default: 0, doc: 'A.' }],
      'Score.until: times, and only times, are timestamp-millis',
    ],
    [
      'an enum whose default is not unknown',
      [enumOf(['a', 'unknown'], 'a')],
      'State: the first symbol and the default must be unknown',
    ],
    [
      'a name that means something to JavaScript',
      [{ name: '__proto__', type: 'string', default: '', doc: 'A.' }],
      'Score.__proto__: the name means something to JavaScript',
    ],
    [
      'a type of another file',
      [{ name: 'action', type: 'NameValue', default: '', doc: 'A.' }],
      'Score.action: unknown type NameValue',
    ],
  ])('finds %s', (_, fields, problem) => {
    expect(checkSchemas([withFields(...fields)])).toEqual([problem]);
  });

  it('finds one name with two meanings', () => {
    const one = withFields(enumOf(['unknown', 'a'], 'unknown'));
    const other = { ...withFields(enumOf(['unknown', 'b'], 'unknown')), name: 'DomainSite' };
    expect(checkSchemas([one, other])).toContain('State: two schemas define it differently');
  });

  it('finds a missing namespace', () => {
    expect(checkSchemas([{ ...withFields(), namespace: undefined }])).toEqual(['Score: namespace must be postlane']);
  });
});

describe('renderContracts', () => {
  it('writes docstrings that a doc cannot end', () => {
    const schema = withFields({ name: 'action', type: 'string', default: '', doc: 'Ends */ here.' });
    expect(renderContracts([schema])).toContain('/** Ends * / here. */\n  action: string;');
  });

  it('puts what is used before its user, once', () => {
    const text = renderContracts([withFields(enumOf(['unknown', 'a'], 'unknown'))]);
    expect(text).toContain("export type State = 'unknown' | 'a';");
    expect(text.indexOf('export type State')).toBeLessThan(text.indexOf('export interface Score'));
  });
});

/**
 * `npm run contracts`: writes src/contracts/generated.ts from schemas/*.avsc; with `--check` it writes nothing, and
 * fails where the file is not what would be written. A tool of the build: nothing imports it but its test.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AvroRecord } from './avro.ts';
import { checkSchemas } from './conventions.ts';
import { renderContracts } from './render.ts';

const SCHEMAS = new URL('../../schemas/', import.meta.url);
const GENERATED = new URL('./generated.ts', import.meta.url);

/** The schemas of a folder of .avsc files, by name. Throws where a file is no JSON or is not named after its record. */
export function readSchemas(folder: URL): readonly AvroRecord[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.avsc'));
  return files.sort().map((file) => {
    const schema = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as AvroRecord;
    if (`${schema.name}.avsc` !== file) throw new Error(`schemas/${file} holds the schema of ${schema.name}`);
    return schema;
  });
}

function main(args: readonly string[]): number {
  const schemas = readSchemas(SCHEMAS);
  const problems = checkSchemas(schemas);
  if (problems.length > 0) {
    process.stderr.write(`schemas/ breaks its conventions:\n${problems.map((line) => `  ${line}\n`).join('')}`);
    return 1;
  }
  const text = renderContracts(schemas);
  if (!args.includes('--check')) {
    writeFileSync(GENERATED, text);
    return 0;
  }
  if (readFileSync(GENERATED, 'utf8') === text) return 0;
  process.stderr.write('src/contracts/generated.ts is not what schemas/ gives: run `npm run contracts`\n');
  return 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));

import { cyclesOf, productFiles, violationsOf } from '../../support/import-law.ts';

/** One planted violation per rule: a law that cannot fail is none. */
const PLANTED: readonly [string, string, string, RegExp][] = [
  ['a library out of its home', 'src/cli/x.ts', "import { Kafka } from 'kafkajs';", /kafkajs lives in/],
  ['a deep import of a library', 'src/http/x.ts', "import x from 'lmdb/thing';", /lmdb lives in/],
  [
    'a scoped library',
    'src/kafka/x.ts',
    "import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';",
    /lives in/,
  ],
  [
    'a MIME parser out of its home',
    'src/cli/x.ts',
    "import { simpleParser } from 'mailparser';",
    /mailparser lives in/,
  ],
  ['the environment', 'src/cli/x.ts', 'const home = process.env.HOME;', /process\.env/],
  [
    'a package in a pure file',
    'src/domain/x.ts',
    "import { createHash } from 'node:crypto';",
    /pure file imports node:crypto/,
  ],
  ['a clock in the domain', 'src/domain/x.ts', 'const now = Date.now();', /a clock/],
  ['chance in a step', 'processors/router/step.ts', 'const n = Math.random();', /chance/],
  ['a timer in the runtime', 'src/runtime/x.ts', 'setTimeout(() => 1, 5);', /a timer/],
  ['a wait in a plan', 'processors/worker/plan.ts', 'await later();', /a wait/],
  ['the process in an accept', 'producers/http/accept.ts', 'process.exit(1);', /the process/],
  ['domain reaching up', 'src/domain/x.ts', "import { y } from '../runtime/ports.ts';", /domain knows words only/],
  ['runtime reaching up', 'src/runtime/x.ts', "import { y } from '../kafka/client.ts';", /the runtime knows/],
  ['an adapter reaching the cli', 'src/smtp/x.ts', "import { y } from '../cli/main.ts';", /adapters know nothing/],
  [
    'a processor in another',
    'processors/router/shell.ts',
    "import { y } from '../worker/unit.ts';",
    /no producer or processor/,
  ],
  [
    'a producer in a processor',
    'producers/http/server.ts',
    "import { y } from '../../processors/router/step.ts';",
    /no producer or processor/,
  ],
  [
    'an adapter in a pure file',
    'processors/router/step.ts',
    "import { y } from '../../src/kafka/client.ts';",
    /not pure/,
  ],
  ['a require', 'src/cli/x.ts', "const k = require('kafkajs');", /kafkajs lives in/],
  ['a dynamic import', 'src/cli/x.ts', "const k = await import('ioredis');", /ioredis lives in/],
];

describe('the import law', () => {
  it.each(PLANTED)('finds %s', (_, file, source, expected) => {
    const found = violationsOf(file, source).map(({ what }) => what);
    expect(found.join('\n')).toMatch(expected);
  });

  it('finds a cycle, and takes a cycle of types for none', () => {
    const cycle = new Map([
      ['src/a.ts', "import { b } from './b.ts';"],
      ['src/b.ts', "import { a } from './a.ts';"],
    ]);
    expect(cyclesOf(cycle)).toHaveLength(1);
    const types = new Map([...cycle, ['src/b.ts', "import type { a } from './a.ts';"]]);
    expect(cyclesOf(types)).toHaveLength(0);
  });

  it('says nothing about comments, or about what is allowed', () => {
    expect(violationsOf('src/domain/x.ts', '// Date.now() is the shell’s\n/* setTimeout( */ const a = 1;')).toEqual([]);
    expect(violationsOf('src/kafka/x.ts', "import { Kafka } from 'kafkajs';\nawait later();")).toEqual([]);
  });

  it('holds for the product', () => {
    const files = productFiles(new URL('../../..', import.meta.url).pathname);
    expect([...files].flatMap(([file, source]) => violationsOf(file, source))).toEqual([]);
    expect(cyclesOf(files)).toEqual([]);
  });
});

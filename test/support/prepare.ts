import { join } from 'node:path';
import { packageRoot } from '../../src/infra/package-root.ts';
import { MOTO_REQUIREMENTS } from './moto.ts';
import { pythonWith } from './python.ts';
import { FUZZ_REQUIREMENTS } from './schemathesis.ts';

const EXAMPLE = join(packageRoot(), 'examples', 'kafka-python', 'requirements.txt');

/** Installs the Python packages that suites need, so that no test waits for a package index. Run by `npm test` before them. */
for (const file of [EXAMPLE, FUZZ_REQUIREMENTS, MOTO_REQUIREMENTS]) await pythonWith(file);

/** Installs the Python packages that tests need, so that no test waits for a package index. Run by .ci/run. */
import { join } from 'node:path';
import { packageRoot } from '../../src/infra/package-root.ts';
import { pythonWith } from './python.ts';
import { FUZZ_REQUIREMENTS } from './schemathesis.ts';

for (const file of [join(packageRoot(), 'examples', 'kafka-python', 'requirements.txt'), FUZZ_REQUIREMENTS]) {
  console.log(await pythonWith(file));
}

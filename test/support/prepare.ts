import { MOTO_REQUIREMENTS } from './moto.ts';
import { pythonWith } from './python.ts';

/** Installs what suites need and would take too long over. Run by `npm test` before them. */
await pythonWith(MOTO_REQUIREMENTS);

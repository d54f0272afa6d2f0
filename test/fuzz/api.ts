/**
 * `npm run fuzz:api [-- --cases N --seed S -- …]`: an independent fuzzer over the OpenAPI document of a running API, every check on.
 * What comes last is the fuzzer's own (`--include-tag webhooks`, `--phases stateful`). A short run is part of
 * `npm run test:long` (test/long/fuzz.test.ts).
 */

import { parseArgs } from 'node:util';
import { startFuzzedApi } from '../support/fuzzed-api.ts';
import { startTestInfra } from '../support/infra.ts';
import { fuzzApi } from '../support/schemathesis.ts';

const CASES = '200';
const TIMEOUT_MS = 60 * 60_000;

const { values, positionals: more } = parseArgs({
  options: { cases: { type: 'string', default: CASES }, seed: { type: 'string' } },
  allowPositionals: true,
});
const infra = await startTestInfra();
try {
  const api = await startFuzzedApi(infra);
  try {
    const { status, printed } = await fuzzApi({
      ...api,
      examplesMax: Number(values.cases),
      timeoutMs: TIMEOUT_MS,
      ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
      more,
    });
    console.log(printed);
    process.exitCode = status === 0 ? 0 : 1;
  } finally {
    await api.stop();
  }
} finally {
  await infra.stop();
}

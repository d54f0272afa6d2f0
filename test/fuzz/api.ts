/**
 * `npm run fuzz:api [-- cases [seed]]`: an independent fuzzer over the OpenAPI document of a running API, every check on. The
 * short run is part of `npm test` (test/integration/http/fuzz.test.ts).
 */

import { TestApi } from '../support/api.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { fuzzApi } from '../support/schemathesis.ts';

const CASES = 200;
const TIMEOUT_MS = 60 * 60_000;

const [cases = String(CASES), seed] = process.argv.slice(2);
const infra = await startTestInfra();
try {
  await provision(infra);
  const api = await TestApi.start(infra);
  try {
    const { text } = await api.key();
    const { status, printed } = await fuzzApi({
      url: api.api.url,
      key: text,
      examplesMax: Number(cases),
      timeoutMs: TIMEOUT_MS,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    });
    console.log(printed);
    process.exitCode = status === 0 ? 0 : 1;
  } finally {
    await api.stop();
  }
} finally {
  await infra.stop();
}

import { startFuzzedApi } from '../support/fuzzed-api.ts';
import { startTestInfra } from '../support/infra.ts';
import { fuzzApi } from '../support/schemathesis.ts';

const CASES = 8;
const RUN_MS_MAX = 240_000;

/** Takes some minutes; `npm run fuzz:api` is for longer runs. */
describe('an independent fuzzer over the OpenAPI document', () => {
  it(
    'finds no server error, no undocumented answer and no violation of a schema',
    async () => {
      const infra = await startTestInfra();
      const api = await startFuzzedApi(infra);
      try {
        const report = await fuzzApi({ ...api, examplesMax: CASES, timeoutMs: RUN_MS_MAX });
        if (report.status !== 0) throw new Error(report.printed);
      } finally {
        await api.stop();
        await infra.stop();
      }
    },
    RUN_MS_MAX + 120_000,
  );
});

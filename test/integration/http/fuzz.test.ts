import { TestApi } from '../../support/api.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { fuzzApi } from '../../support/schemathesis.ts';

const CASES = 8;
const RUN_MS_MAX = 240_000;

/** The short run; `npm run fuzz:api` is the long one. */
describe('an independent fuzzer over the OpenAPI document', () => {
  it(
    'finds no server error, no undocumented answer and no violation of a schema',
    async () => {
      const infra = await startTestInfra();
      await provision(infra);
      const api = await TestApi.start(infra);
      try {
        const { text } = await api.key();
        const report = await fuzzApi({ url: api.api.url, key: text, examplesMax: CASES, timeoutMs: RUN_MS_MAX });
        if (report.status !== 0) throw new Error(report.printed);
      } finally {
        await api.stop();
        await infra.stop();
      }
    },
    RUN_MS_MAX + 120_000,
  );
});

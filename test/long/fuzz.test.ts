import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApi } from '../support/api.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { fuzzApi } from '../support/schemathesis.ts';

const CASES = 8;
const RUN_MS_MAX = 240_000;

/** Takes some minutes; `npm run fuzz:api` is for longer runs. */
describe('an independent fuzzer over the OpenAPI document', () => {
  it(
    'finds no server error, no undocumented answer and no violation of a schema',
    async () => {
      const infra = await startTestInfra();
      await provision(infra);
      const directory = await mkdtemp(join(tmpdir(), 'postlane-fuzz-'));
      const keyPath = join(directory, 'webhooks.key');
      await writeFile(keyPath, randomBytes(32).toString('hex'));
      const api = await TestApi.start(infra, { yaml: `notifier: { key: "file:${keyPath}" }\n` });
      try {
        const { text } = await api.key();
        const report = await fuzzApi({ url: api.api.url, key: text, examplesMax: CASES, timeoutMs: RUN_MS_MAX });
        if (report.status !== 0) throw new Error(report.printed);
      } finally {
        await api.stop();
        await infra.stop();
        await rm(directory, { recursive: true, force: true });
      }
    },
    RUN_MS_MAX + 120_000,
  );
});

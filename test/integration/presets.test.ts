import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PRESET_NAMES } from '../../src/config/presets.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import { load } from '../support/load.ts';
import { Pipeline } from '../support/pipeline.ts';
import { Random } from '../support/random.ts';

const START_MS = 300_000;
const MAILS = 60;
/** At a hundred and fifty a minute. */
const PACED_MAILS = 24;
const SEED = 7;
/** Between them and the sink lies this machine only. */
const HERE = `
kafka: { session_timeout: 6s, rebalance_timeout: 20s, heartbeat_interval: 500ms }
worker: { drain: 15s }
relay: { tls: none }
providers: { other: { rate_limit: none, why: a sink of a test } }
senders: { mode: lenient, domains: [{ name: shop.example }] }
`;
const ARTICLES = readFileSync(join(packageRoot(), 'test/unit/config/fixtures/tiered-routing.yaml'), 'utf8');

describe('presets', () => {
  let pipeline: Pipeline;
  beforeAll(async () => {
    pipeline = await Pipeline.open();
    await pipeline.start(['router', 'delay', 'reputation']);
  }, START_MS);
  afterAll(() => pipeline?.close(), 60_000);

  const jobs = (prefix: string, count: number) => load({ prefix, count, types: EMAIL_TYPES, random: new Random(SEED) });
  const sent = (count: number) => ({ endings: { sent: count }, lost: 0, duplicates: 0, uncertain: 0 });

  it(
    'grow from one to the next under load, and lose no mail',
    async () => {
      const prefix = 'growing-';
      let worker = await pipeline.start('worker', { settings: { whole: `preset: startup\n${HERE}` } });
      for (const preset of PRESET_NAMES.slice(1)) {
        const underWay = pipeline.publish(jobs(`${prefix}${preset}-`, MAILS));
        const next = await pipeline.start('worker', { settings: { whole: `preset: ${preset}\n${HERE}` } });
        expect(await worker.stop()).toMatchObject({ status: 0 });
        worker = next;
        await underWay;
      }
      await pipeline.publish(jobs(`${prefix}last-`, MAILS));
      const verdict = await pipeline.judged(prefix, { duplicatesMax: 0 });
      expect(verdict).toMatchObject(sent(MAILS * PRESET_NAMES.length));
      const last = pipeline.results.filter(({ jobId }) => jobId.startsWith(`${prefix}last-`));
      expect(new Set(last.map(({ source }) => source))).toContain('marketing-eu');
      await pipeline.stop(worker);
    },
    START_MS,
  );

  it(
    'and the tiered routing of a file without one send what they are given',
    async () => {
      const prefix = 'tiers-';
      const file = `${ARTICLES}\n${HERE}`;
      await using _worker = await pipeline.start('worker', { settings: { whole: file } });
      await pipeline.publish(jobs(prefix, PACED_MAILS));
      expect(await pipeline.judged(prefix, { duplicatesMax: 0 })).toMatchObject(sent(PACED_MAILS));
      const sources = new Set(
        pipeline.results.filter(({ jobId }) => jobId.startsWith(prefix)).map(({ source }) => source),
      );
      expect(sources).toContain('dedicated-transactional-1');
    },
    START_MS,
  );
});

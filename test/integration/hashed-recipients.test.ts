import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type Host, openHost } from '../../src/host/host.ts';
import { openViews } from '../../src/host/views.ts';
import { readPartition } from '../../src/kafka/partition-reader.ts';
import { rangesOf } from '../../src/kafka/topic-ends.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { runCli } from '../support/cli.ts';
import { Pipeline } from '../support/pipeline.ts';
import { pipelineConfig } from '../support/pipeline-config.ts';

const KEY = 'a key of the operator, long enough for it';
const BEFORE = 'reject-550-5.1.1@before.example';
const AFTER = 'reject-550-5.1.1@after.example';
/** Mails that are there for as long as they are to be delivered: their topics are short-lived. */
const LONG_LIVED = [topics.reputation, topics.suppressions, topics.scores, topics.reputationState];

const job = (id: string, recipient: string) => ({
  id,
  type: 'transactional' as const,
  recipient,
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
});

describe('recipients by keyed hashes, switched on in a running installation', () => {
  let pipeline: Pipeline;
  let directory: string;
  let more: string;
  /** Of a process that is not given the key. */
  let host: Host;
  const telemetry = new RecordingTelemetry();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-hashed-'));
    await writeFile(join(directory, 'key'), `${KEY}\n`);
    more = `privacy: { hash_addresses: true, address_key: "file:${join(directory, 'key')}" }`;
    pipeline = await Pipeline.open();
    const config = loadConfig({ text: pipelineConfig(), env: pipeline.environment() });
    host = await openHost({ ...config, stateDir: join(directory, 'state') }, telemetry, 'test');
  }, 300_000);
  afterAll(async () => {
    await host?.close();
    await pipeline?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const endingOf = async (id: string, recipient: string): Promise<string | null | undefined> => {
    await pipeline.publish([job(id, recipient)]);
    await pipeline.progressed(id, 1);
    return pipeline.results.find(({ jobId, kind }) => jobId === id && kind === 'ending')?.ending;
  };
  /** Jobs to that recipient, one after the other, until one ends so. */
  async function untilOne(ending: string, id: string, recipient: string): Promise<void> {
    let n = 0;
    await pipeline.waitFor(
      `a mail to be ${ending}`,
      async () => (await endingOf(`${id}-${n++}`, recipient)) === ending,
      30_000,
    );
  }
  async function cli(...args: readonly string[]) {
    const file = join(directory, 'hashed.yaml');
    await writeFile(file, pipelineConfig({ more }));
    return runCli([...args, '--config', file], {
      environment: pipeline.environment(),
      workingDirectory: directory,
    });
  }
  /** The names of the files and topics in which these bytes are. */
  async function holders(text: string): Promise<readonly string[]> {
    const found: string[] = [];
    const state = pipeline.environment().POSTLANE_STATE_DIR as string;
    for (const file of await readdir(state, { recursive: true, withFileTypes: true })) {
      const path = join(file.parentPath, file.name);
      if (file.isFile() && (await readFile(path)).includes(text)) found.push(path);
    }
    const { kafka } = pipeline;
    for (const { topic, partition, first, end } of await rangesOf(
      kafka,
      LONG_LIVED.map(({ name }) => name),
    )) {
      await readPartition(kafka, {
        topic,
        partition,
        fromOffset: first,
        untilOffset: end,
        stallMs: 30_000,
        apply: (records) => {
          for (const { key, value } of records) {
            if (key?.includes(text) || value?.includes(text)) found.push(topic);
          }
        },
      });
    }
    return found;
  }

  it('suppresses who was suppressed before and who bounces afterwards, keeps no address, and starts no role without the key', async () => {
    await using roles = await pipeline.start(['router', 'worker', 'reputation']);
    await untilOne('bounced', 'b', BEFORE);
    await untilOne('suppressed', 'b', BEFORE);
    expect(await holders(BEFORE)).toContain(topics.suppressions.name);
    await roles.stop();

    const old = await openViews(host, null);
    try {
      expect(old.ready(host.clock.now())).toBe(true);
      await using hashing = await pipeline.start(['router', 'worker', 'reputation'], { settings: { more } });
      // Whoever still runs without the key lets nothing through from now on, and says why.
      await pipeline.waitFor('the key to be known of', () => !old.ready(host.clock.now()));
      expect(telemetry.logged).toContainEqual(expect.objectContaining({ level: 'error' }));

      expect(await endingOf('c', BEFORE)).toBe('suppressed');
      await untilOne('bounced', 'd', AFTER);
      await untilOne('suppressed', 'd', AFTER);
      expect(await holders(AFTER)).toEqual([]);

      expect((await cli('suppressions', 'show', AFTER.toUpperCase())).printed).toContain('suppressed (hard_bounce)');
      const { printed } = await cli('suppressions', 'list');
      expect(printed).toContain(BEFORE);
      expect(printed).toMatch(/^h1:[\w-]{6}:[\w-]{22} {2}hard_bounce/m);
      await cli('suppressions', 'remove', BEFORE, AFTER, '--why', `${AFTER} asked for it`);
      await untilOne('bounced', 'e', BEFORE);
      await untilOne('bounced', 'f', AFTER);
      expect(await holders(AFTER)).toEqual([]);
      await hashing.stop();
    } finally {
      await old.stop();
    }

    await expect(openViews(host, null)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await using lacking = await pipeline.start('router', { wait: false });
    await lacking.died();
    expect(lacking.logTail(20).join('\n')).toContain('privacy.address_key');
    const refused = await pipeline.cli('suppressions', 'show', AFTER);
    expect(refused.status).not.toBe(0);
    const [id = ''] = /(?<=by the key )[0-9a-f]{6}/.exec(refused.told.join(' ')) ?? [];
    expect((await pipeline.cli('suppressions', 'forget-key', id)).status).not.toBe(0);
    expect((await pipeline.cli('suppressions', 'forget-key', 'abcdef', '--mail-them-again')).status).not.toBe(0);
    await pipeline.cli('suppressions', 'forget-key', id, '--mail-them-again');
    expect((await pipeline.cli('suppressions', 'show', AFTER)).printed).toContain('not suppressed');
  }, 180_000);
});

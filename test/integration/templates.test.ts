import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../support/cli.ts';
import { Pipeline } from '../support/pipeline.ts';

const START_MS = 300_000;
const MERGE_DATA = { name: 'Ada', 'order.id': '4711' };

describe('a template, from the command line to the mail', () => {
  let pipeline: Pipeline;
  let directory: string;

  const postlane = (...args: string[]) =>
    runCli(['templates', ...args], {
      workingDirectory: directory,
      environment: {
        KAFKA_BROKERS: pipeline.infra.brokers.join(','),
        SCHEMA_REGISTRY_URL: pipeline.infra.schemaRegistryUrl,
      },
    });
  const job = (id: string, over: object = {}) => ({
    id,
    type: 'notification' as const,
    recipient: `ada+${id}@google.test`,
    templateId: 'order',
    mergeData: MERGE_DATA,
    ...over,
  });
  const endingOf = (id: string) => pipeline.results.find(({ jobId, kind }) => jobId === id && kind === 'ending');

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-templates-'));
    await writeFile(join(directory, 'order.html'), '<p>Dear {{ name }}, your order {{ order.id }} is on its way.</p>');
    await writeFile(join(directory, 'data.json'), JSON.stringify({ name: 'Ada' }));
    pipeline = await Pipeline.open();
    await pipeline.start(['router', 'worker']);
  }, START_MS);

  afterAll(async () => {
    await pipeline?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('is put, listed, shown and tried out', async () => {
    const put = [
      'put',
      'order',
      '--from',
      'Shop <news@shop.example>',
      '--subject',
      'Order {{ order.id }}',
      '--html',
      'order.html',
    ];
    expect(await postlane(...put)).toMatchObject({ status: 0, printed: '1\n' });
    expect(await postlane(...put)).toMatchObject({
      status: 0,
      printed: '1\n',
      told: ['unchanged: order is at version 1'],
    });
    expect((await postlane('list')).printed).toMatch(/^order {2}version 1 {2}.*Order \{\{ order\.id \}\}\n$/);
    expect((await postlane('show', 'order')).printed).toContain('variables: ["name","order.id"]');
    const rendered = await postlane('render', 'order', '--data', 'data.json', '--set', 'order.id=<7>');
    // With a link as the mail will have it: as long, and of no key.
    expect(rendered.printed.replace(/(unsubscribe\/)[\w-]{40,}/, '$1…')).toBe(
      'From: Shop <news@shop.example>\nSubject: Order <7>\nList-Unsubscribe: <https://shop.example/unsubscribe/…>\n\n' +
        'Dear Ada, your order <7> is on its way.\n\n<p>Dear Ada, your order &lt;7&gt; is on its way.</p>\n',
    );
    const missing = await postlane('render', 'order', '--data', 'data.json');
    expect(missing.status).toBe(1);
    expect(missing.told.join('\n')).toContain('variable-missing');
    const refused = await postlane(...put.slice(0, -1), 'data.json', '--html', 'none.html');
    expect(refused.status).toBe(1);
  });

  it('makes mails, and what it cannot make a mail of is a dead letter that says why', async () => {
    await pipeline.publish([
      job('good'),
      job('pinned', { templateVersion: 1 }),
      job('lacking', { mergeData: { name: 'Ada' } }),
    ]);
    await pipeline.allEnded();
    expect(endingOf('good')?.ending).toBe('sent');
    expect(endingOf('pinned')?.ending).toBe('sent');
    expect(endingOf('lacking')).toMatchObject({
      ending: 'dead_lettered',
      class: 'variable-missing',
      reason: 'mergeData.order.id: subject needs it',
    });
    await pipeline.waitFor('the dead letter', () => pipeline.deadLetters.some(({ jobId }) => jobId === 'lacking'));
    expect(pipeline.deadLetters.find(({ jobId }) => jobId === 'lacking')).toMatchObject({
      stage: 'send',
      reason: 'variable-missing',
    });
    const sent = pipeline.simulator.journal().map(({ jobId }) => jobId);
    expect(sent.sort()).toEqual(['good', 'pinned']);
  });

  it('is deleted, and mails that were accepted with it are still made of it', async () => {
    expect(await postlane('delete', 'order')).toMatchObject({ status: 0, told: ['deleted: order'] });
    expect((await postlane('show', 'order')).status).toBe(1);
    await pipeline.publish([job('late', { templateVersion: 1 })]);
    await pipeline.allEnded();
    expect(endingOf('late')?.ending).toBe('sent');
  });
});

import { openMailLinks, ownLinksOf, sampleLinksOf } from '../../../src/host/own-links.ts';
import { aJob } from '../../../src/testing/builders.ts';
import { MemorySecrets } from '../../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';

describe('the key of unsubscribe links', () => {
  const KEY = 'env:UNSUBSCRIBE_KEY';
  const config = { unsubscribe: { host: '', port: 0, baseUrl: 'https://shop.example/leave', key: KEY } };
  const [OLD, NEXT] = ['the old key of these links', 'the key that comes after it'];
  const job = aJob({ id: 'job-1', type: 'marketing', recipient: 'ada@inbox.example' });
  const tokenOf = (link: string | null): string => link?.split('/').at(-1) ?? '';
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('is followed while the process runs: new links are made with the first one, all that are listed are read', async () => {
    const secrets = new MemorySecrets({ [KEY]: OLD });
    const links = await openMailLinks({ config, secrets, telemetry: new RecordingTelemetry() });
    const before = ownLinksOf(links).unsubscribeUrlOf(job);
    secrets.set(KEY, `${NEXT}\n${OLD}`);
    await settled();
    const after = ownLinksOf(links).unsubscribeUrlOf(job);
    expect(after).not.toBe(before);
    for (const link of [before, after])
      expect(links?.current.unsubscribe.read(tokenOf(link))).toMatchObject({ jobId: 'job-1' });
    secrets.set(KEY, NEXT);
    await settled();
    expect(links?.current.unsubscribe.read(tokenOf(before))).toBeNull();
    expect(links?.current.unsubscribe.read(tokenOf(after))).toMatchObject({ jobId: 'job-1' });
    links?.stop();
  });

  it('goes on as it was where the next one could be guessed', async () => {
    const secrets = new MemorySecrets({ [KEY]: OLD });
    const telemetry = new RecordingTelemetry();
    const links = await openMailLinks({ config, secrets, telemetry });
    const before = ownLinksOf(links).unsubscribeUrlOf(job);
    secrets.set(KEY, 'short');
    await settled();
    expect(ownLinksOf(links).unsubscribeUrlOf(job)).toBe(before);
    expect(telemetry.sum('postlane_secret_changes_total{"what":"unsubscribe","outcome":"rejected"}')).toBe(1);
    links?.stop();
    await expect(openMailLinks({ config, secrets, telemetry })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('links where their key is not at hand', () => {
  const job = aJob({ id: 'job-1', type: 'marketing', recipient: 'ada@inbox.example', templateId: 'newsletter' });
  const unsubscribe = { host: '', port: 0, baseUrl: 'https://shop.example/leave', key: 'env:UNSUBSCRIBE_KEY' };

  it('are there where workers will make them, as long as those, and lead nowhere', async () => {
    const secrets = new MemorySecrets({ 'env:UNSUBSCRIBE_KEY': 'the key of these links' });
    const links = await openMailLinks({ config: { unsubscribe }, secrets, telemetry: new RecordingTelemetry() });
    const [real, sample] = [ownLinksOf(links), sampleLinksOf({ unsubscribe })];
    for (const link of ['unsubscribeUrlOf', 'viewUrlOf'] as const) {
      expect(sample[link](job)?.length).toBe(real[link](job)?.length);
      expect(sample[link](job)).not.toBe(real[link](job));
    }
    expect(links?.current.view.read(sample.viewUrlOf(job)?.split('/').at(-1) ?? '')).toBeNull();
    expect(sample.unsubscribeUrlOf({ ...job, type: 'transactional' })).toBeNull();
    links?.stop();
  });

  it('are none where workers make none', () => {
    const { viewUrlOf, unsubscribeUrlOf } = sampleLinksOf({ unsubscribe: { ...unsubscribe, key: null } });
    expect([viewUrlOf(job), unsubscribeUrlOf(job)]).toEqual([null, null]);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { createResolver } from '../../../src/dns/resolver.ts';
import { generateDkimKey } from '../../../src/smtp/dkim.ts';
import type { MemoryRecord } from '../../../src/testing/memory-resolver.ts';
import { runCli } from '../../support/cli.ts';
import { load } from '../../support/load.ts';
import { NameServer } from '../../support/name-server.ts';
import { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';

const START_MS = 300_000;
/** More than a quick machine sends until both keys have been rotated: the load must not end before. */
const JOBS = 3_000;

const DMARC: MemoryRecord = { name: '_dmarc.shop.example', type: 'TXT', value: 'v=DMARC1; p=reject' };
const RIGHT: readonly MemoryRecord[] = [
  { name: 'shop.example', type: 'TXT', value: 'v=spf1 ip4:192.0.2.1 -all' },
  { name: 'shop.example', type: 'MX', value: '10 mail.shop.example' },
  { name: 'mail.shop.example', type: 'A', value: '192.0.2.1' },
];

interface Listed {
  readonly selector: string;
  readonly state: string;
}

describe('sender domains of a pipeline that runs', () => {
  let directory: string;
  let server: NameServer;
  let pipeline: Pipeline;
  let config: string;
  const zone: MemoryRecord[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-keys-'));
    const first = await generateDkimKey('rsa-sha256');
    await writeFile(join(directory, 'first.pem'), first.privateKey);
    zone.push(...RIGHT, DMARC);
    zone.push({ name: 'first._domainkey.shop.example', type: 'TXT', value: first.record });
    server = await NameServer.start(zone);
    const key = `{ selector: first, algorithm: rsa-sha256, private_key: "file:${join(directory, 'first.pem')}" }`;
    const senders = `{ mode: strict, domains: [{ name: shop.example, dkim: [${key}] }] }`;
    const more = `dns: { resolver: { servers: ["${server.address}"], timeout: 1s }, interval: 1s, key_settle: 0s }`;
    pipeline = await Pipeline.open({ senders, more, keepRaw: true });
    config = await pipeline.configuration();
    await pipeline.start(['router', 'worker', 'delay', 'dns']);
  }, START_MS);

  afterAll(async () => {
    await pipeline?.close();
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  async function dkim(...args: readonly string[]) {
    const run = await runCli(['dkim', ...args, '--config', config, '--json'], { environment: pipeline.environment() });
    return { ...run, answer: run.printed === '' ? null : JSON.parse(run.printed) };
  }

  const copies = () => pipeline.simulator.journal({ raw: true });
  const selectorsOf = (raw: string): readonly string[] =>
    [...raw.matchAll(/ s=([a-z0-9-]+);/g)].map(([, name]) => name as string);
  const signedWith = (selector: string): number =>
    copies().filter(({ raw }) => selectorsOf(raw ?? '').includes(selector)).length;

  async function verified(raw: string): Promise<readonly string[]> {
    const names = createResolver({ servers: [server.address], timeoutMs: 2_000 });
    const resolver = async (name: string) => {
      const found = await names.txt(name);
      if (found.kind !== 'found') throw Object.assign(new Error('no record'), { code: 'ENOTFOUND' });
      return found.records.map((record) => [record]);
    };
    const { results } = await dkimVerify(raw, { resolver });
    return results.map(({ status }) => status.result);
  }

  it('rotates twice under load: nothing is lost, and every signature verifies', async () => {
    const jobs = load({
      prefix: 'keys-',
      count: JOBS,
      types: ['transactional', 'notification'],
      random: new Random(1),
    });
    let published = 0;
    let stop = false;
    const loading = (async () => {
      while (!stop && published < jobs.length) {
        await pipeline.stream(jobs.slice(published, published + 20), { outstandingMax: 40, wave: 20 });
        published += 20;
      }
    })();
    await pipeline.waitFor('mail under the first key', () => signedWith('first') > 20);

    let before = 'first';
    for (const round of [1, 2]) {
      const { answer } = await dkim('rotate', 'shop.example', '--store', directory);
      const { selector } = answer.keys[0] as { readonly selector: string };
      const seen = copies().length;
      await pipeline.waitFor('more mail, while the new record is not there', () => copies().length > seen + 20);
      expect(signedWith(selector)).toBe(0);

      zone.push(answer.records[0] as MemoryRecord);
      await server.publish(zone);
      await pipeline.waitFor(`mail under the new key of round ${round}`, () => signedWith(selector) > 20);

      const listed = (await dkim('list', 'shop.example')).answer.keys as readonly Listed[];
      expect(Object.fromEntries(listed.map((key) => [key.selector, key.state]))).toMatchObject({
        [before]: 'overlapping',
        [selector]: 'signing',
      });
      const refused = await dkim('retire', 'shop.example', before);
      expect(refused.status).toBe(1);
      expect(refused.told.join()).toMatch(/may be on their way until/);
      before = selector;
    }
    stop = true;
    await loading;
    await pipeline.judged('keys-', { duplicatesMax: 0 });
    const all = copies();
    expect(all.length).toBe(published);
    const results = await Promise.all(all.map(({ raw }) => verified(raw ?? '')));
    expect(results.filter((result) => result.join() !== 'pass')).toEqual([]);
  }, 240_000);

  it('retires a key that is overlapping when told so, and never the one that signs', async () => {
    expect((await dkim('retire', 'shop.example', 'first', '--now')).status).toBe(0);
    const listed = (await dkim('list')).answer.keys as readonly Listed[];
    expect(listed.find(({ selector }) => selector === 'first')?.state).toBe('retired');
    const signing = listed.find(({ state }) => state === 'signing') as Listed;
    const refused = await dkim('retire', 'shop.example', signing.selector, '--now');
    expect(refused.told.join()).toMatch(/it signs/);
  }, 60_000);

  it('goes on with the key before where the new one holds something else', async () => {
    const { answer } = await dkim('generate', 'shop.example', '--store', directory, '--selector', 'swapped');
    const other = await generateDkimKey('rsa-sha256');
    await writeFile(join(directory, 'swapped.pem'), other.privateKey);
    zone.push(answer.records[0] as MemoryRecord);
    await server.publish(zone);
    await pipeline.waitFor('the key to be shown', async () => {
      const listed = (await dkim('list')).answer.keys as readonly Listed[];
      return listed.find(({ selector }) => selector === 'swapped')?.state === 'signing';
    });
    await pipeline.publish(load({ prefix: 'swap-', count: 10, types: ['transactional'], random: new Random(2) }));
    await pipeline.judged('swap-', { duplicatesMax: 0 });
    const swapped = copies().filter(({ jobId }) => jobId.startsWith('swap-'));
    const results = await Promise.all(swapped.map(({ raw }) => verified(raw ?? '')));
    expect(results.map((result) => result.join())).toEqual(Array(10).fill('pass'));
  }, 60_000);

  let count = 0;
  /** Sends mails, one after the other, until one ends so; answers that ending. */
  async function mailThatEnds(ending: string) {
    let found: (typeof pipeline.results)[number] | undefined;
    await pipeline.waitFor(
      `a mail that ends ${ending}`,
      async () => {
        const id = `strict-${++count}`;
        await pipeline.publish(
          load({ prefix: `${id}-`, count: 1, types: ['transactional'], random: new Random(count) }),
        );
        await pipeline.progressed(`${id}-`, 1);
        found = pipeline.results.find((result) => result.jobId.startsWith(`${id}-`) && result.ending === ending);
        return found !== undefined;
      },
      60_000,
    );
    return found;
  }

  it('refuses mail from a domain that fails, says why, and takes it again when it is right', async () => {
    await server.publish(zone.filter((record) => record !== DMARC));
    const refused = await mailThatEnds('bounced');
    expect(refused).toMatchObject({ class: 'sender-fails-dns', smtpCode: null });
    expect(refused?.reason).toMatch(/the DNS of shop\.example is wrong \(dmarc-missing\)/);
    await server.publish(zone);
    await mailThatEnds('sent');
    await server.publish(zone.filter((record) => record !== DMARC));
    await mailThatEnds('bounced');
  }, 120_000);

  it('keeps to the last verdict while the resolver is silent', async () => {
    await server.publish(zone);
    await mailThatEnds('sent');
    server.suspend();
    const until = Date.now() + 4_000;
    await pipeline.waitFor('some checks without an answer', () => Date.now() > until);
    expect((await mailThatEnds('sent'))?.class ?? null).toBeNull();
    server.resume();
  }, 120_000);
});

import { request } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { type JournalEntry, type Simulator, startSimulator } from '../../../src/testing/simulator/index.ts';
import { Journal } from '../../../src/testing/simulator/journal.ts';
import { summarise } from '../../../src/testing/simulator/report.ts';
import { SlidingMinute } from '../../../src/testing/simulator/sliding-minute.ts';
import { greeted, messageOf, type RawClient, until } from './raw-client.ts';

const entryOf = (jobId: string, at = 0, site = 'x.test') => ({
  jobId,
  recipient: `${jobId}@${site}`,
  messageId: `<${jobId}@x.test>`,
  source: 'client.test',
  at,
  site,
  ip: '127.0.0.1',
  from: 'a@x.test',
  bytes: 10,
});
const linesOf = (text: string): JournalEntry[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('Journal', () => {
  it('keeps the last entries, says how many went, and reads from any cursor', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3_000 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 3_100 }),
        fc.integer({ min: 0, max: 1_500 }),
        (count, entriesMax, from, limit) => {
          const journal = new Journal({ entriesMax, rawBytesMax: 0 });
          for (let index = 0; index < count; index++) journal.append(entryOf(`job-${index}`), null);
          const first = Math.max(0, count - entriesMax);
          expect(journal.position()).toMatchObject({ kept: count - first, first, next: count, dropped: first });
          const begin = Math.max(first, from);
          const wanted = Math.max(0, Math.min(limit, count - begin));
          const read = journal.entries({ from, limit });
          expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: wanted }, (_, index) => begin + index));
          expect(read.every(({ seq, jobId }) => jobId === `job-${seq}`)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('holds text of any kind and length', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 3_000 }), { maxLength: 300 }), (ids) => {
        const journal = new Journal({ entriesMax: 10_000, rawBytesMax: 0 });
        for (const id of ids) journal.append(entryOf(id), null);
        expect(journal.entries().map(({ jobId }) => jobId)).toEqual(ids);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps sources up to so many octets, the latest ones, and counts what went', () => {
    const journal = new Journal({ entriesMax: 100, rawBytesMax: 1_000 });
    for (let index = 0; index < 50; index++) journal.append(entryOf(`job-${index}`), Buffer.alloc(90, 'x'));
    journal.append(entryOf('huge'), Buffer.alloc(1_001));
    expect(journal.position()).toMatchObject({ rawsKept: 11, rawBytes: 990, rawsDropped: 39 });
    const kept = journal.entries({ raw: true }).filter(({ raw }) => raw !== null);
    expect(kept.map(({ seq }) => seq)).toEqual(Array.from({ length: 11 }, (_, index) => 39 + index));
  });

  it('lets a source go with its entry', () => {
    const journal = new Journal({ entriesMax: 3, rawBytesMax: 1_000 });
    for (let index = 0; index < 5; index++) journal.append(entryOf(`job-${index}`), Buffer.alloc(10));
    expect(journal.position()).toMatchObject({ rawsKept: 3, rawBytes: 30, rawsDropped: 0 });
  });

  it('gives a source as text where it is UTF-8, else as base64', () => {
    const journal = new Journal({ entriesMax: 10, rawBytesMax: 1_000 });
    const sources = [Buffer.from('é\r\n'), Buffer.from([0xff, 0x0a]), Buffer.from('\ufeffx')];
    for (const source of sources) journal.append(entryOf('job'), source);
    const read = journal.entries({ raw: true });
    expect(read.map(({ rawEncoding }) => rawEncoding)).toEqual(['utf8', 'base64', 'utf8']);
    expect(read.map(({ raw, rawEncoding }) => Buffer.from(raw ?? '', rawEncoding))).toEqual(sources);
  });

  it('goes on counting after it was emptied', () => {
    const journal = new Journal({ entriesMax: 10, rawBytesMax: 1_000 });
    for (const id of ['a', 'b']) journal.append(entryOf(id), Buffer.from('x'));
    journal.clear();
    expect(journal.position()).toMatchObject({ kept: 0, first: 2, next: 2, rawBytes: 0, dropped: 0 });
    journal.append(entryOf('c'), null);
    expect(journal.entries().map(({ seq, jobId }) => [seq, jobId])).toEqual([[2, 'c']]);
  });

  it('stays within its bound outside of the heap', async () => {
    const journal = new Journal({ entriesMax: 5_000, rawBytesMax: 0 });
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    collect();
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 200_000; index++) journal.append(entryOf(`job-${index}`), null);
    expect(journal.position().kept).toBe(5_000);
    // 200,000 entries of 180 octets would be 36 MB; 5,000 are one. Buffers are given back some turns after a collection.
    const grown = () => process.memoryUsage().arrayBuffers - before;
    for (let turn = 0; turn < 500 && grown() >= 4_000_000; turn++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(grown()).toBeLessThan(4_000_000);
  });

  it('adds up by job, site and minute', async () => {
    const journal = new Journal({ entriesMax: 5_000, rawBytesMax: 0 });
    for (let index = 0; index < 3_000; index++) journal.append(entryOf(`job-${index}`, 1), null);
    for (const at of [59_999, 60_000]) journal.append(entryOf('job-7', at, 'google.test'), null);
    journal.append(entryOf('', 60_001, 'google.test'), null);
    expect(await summarise(journal)).toEqual({
      entries: 3_003,
      dropped: 0,
      distinctJobIds: 3_000,
      withoutJobId: 1,
      surplusCopies: 2,
      duplicates: [{ jobId: 'job-7', copies: 3 }],
      bySite: { 'google.test': 3, 'x.test': 3_000 },
      minutes: [
        { minute: '1970-01-01T00:00:00.000Z', site: 'google.test', messages: 1 },
        { minute: '1970-01-01T00:00:00.000Z', site: 'x.test', messages: 3_000 },
        { minute: '1970-01-01T00:01:00.000Z', site: 'google.test', messages: 2 },
      ],
    });
  });
});

describe('SlidingMinute', () => {
  it('knows the most events of any minute', () => {
    const steps = fc.array(
      fc.oneof(fc.constantFrom(0, 1, 30_000, 59_999, 60_000), fc.integer({ min: 1, max: 90_000 })),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(steps, (gaps) => {
        const minute = new SlidingMinute();
        const times: number[] = [];
        let now = 1_000_000;
        for (const gap of gaps) {
          now += gap;
          times.push(now);
          minute.add(now);
        }
        const counts = times.map((end) => times.filter((time) => time <= end && time > end - 60_000).length);
        expect(minute.max).toBe(Math.max(0, ...counts));
        expect(minute.count(now)).toBe(times.filter((time) => time > now - 60_000).length);
      }),
    );
  });

  it('is bounded', () => {
    const minute = new SlidingMinute(128);
    for (let index = 0; index < 1_000; index++) minute.add(index);
    expect(minute.max).toBe(128);
    expect(minute.count(1_000)).toBe(128);
    expect(minute.count(61_500)).toBe(0);
  });
});

describe('the journal over HTTP', () => {
  let simulator: Simulator;
  let client: RawClient;
  beforeAll(async () => {
    simulator = await startSimulator({ keepRaw: true });
    client = await greeted(simulator.smtpPort, 'Source-1.Test');
  });
  afterAll(async () => {
    client.close();
    await simulator.stop();
  });

  const url = (path: string): string => `http://127.0.0.1:${simulator.httpPort}${path}`;
  const get = async (path: string): Promise<JournalEntry[]> => linesOf(await (await fetch(url(path))).text());

  async function send(jobId: string, ...recipients: string[]): Promise<void> {
    await client.say('MAIL FROM:<bounce@x.test>', ...recipients.map((each) => `RCPT TO:<${each}>`), 'DATA');
    client.send(`${messageOf(jobId)}.\r\n`);
    expect(await client.take()).toMatch(/^250 /);
  }

  it('has an entry for each recipient of each message', async () => {
    const before = Date.now();
    await send('job-1', 'Ada@Google.test', 'b@yahoo.test');
    const [first, second, ...more] = await get('/journal?raw=1');
    const common = {
      jobId: 'job-1',
      messageId: '<job-1@x.test>',
      source: 'source-1.test',
      ip: '127.0.0.1',
      from: 'bounce@x.test',
      bytes: messageOf('job-1').length,
      raw: messageOf('job-1'),
      rawEncoding: 'utf8',
      at: expect.any(Number),
    };
    expect(first).toEqual({ ...common, seq: 0, recipient: 'Ada@Google.test', site: 'google.test' });
    expect(second).toEqual({ ...common, seq: 1, recipient: 'b@yahoo.test', site: 'yahoo.test' });
    expect(more).toEqual([]);
    expect(first?.at).toBeGreaterThanOrEqual(before);
    expect(await get('/journal')).toEqual(
      [first, second].map((each) => ({ ...each, raw: undefined, rawEncoding: undefined })),
    );
  });

  it('is read page by page', async () => {
    for (let index = 2; index < 7; index++) await send(`job-${index}`, 'c@x.test');
    const seqs = async (query: string) => (await get(`/journal?${query}`)).map(({ seq }) => seq);
    expect(await seqs('from=3')).toEqual([3, 4, 5, 6]);
    expect(await seqs('since=3')).toEqual([4, 5, 6]);
    expect(await seqs('from=1&limit=2')).toEqual([1, 2]);
    expect(await seqs('from=1&limit=2&raw=1')).toEqual([1, 2]);
    expect(await seqs('from=99')).toEqual([]);
    const { headers } = await fetch(url('/journal?limit=0'));
    expect(['first', 'next', 'dropped'].map((name) => headers.get(`x-journal-${name}`))).toEqual(['0', '7', '0']);
    expect((await fetch(url('/journal?from=x'))).status).toBe(400);
    expect((await fetch(url('/journal?limit=-1'))).status).toBe(400);
  });

  it('is followed', async () => {
    const { next } = simulator.stats().journal;
    let text = '';
    let isOver = false;
    const following = request(url(`/journal?follow=1&from=${next - 1}&limit=3&raw=1`), (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => {
        isOver = true;
      });
    }).end();
    await until(
      () => linesOf(text).length === 1,
      () => 'the entry that was there',
    );
    await send('later-1', 'd@x.test');
    await until(
      () => linesOf(text).length === 2,
      () => 'the next entry',
    );
    expect(isOver).toBe(false);
    await send('later-2', 'd@x.test');
    await until(
      () => isOver,
      () => 'the end at the limit',
    );
    expect(linesOf(text).map(({ seq, raw }) => [seq, typeof raw])).toEqual(
      [next - 1, next, next + 1].map((seq) => [seq, 'string']),
    );
    following.destroy();
  });

  it('answers a follower before there is anything to follow', async () => {
    const leaving = new AbortController();
    const response = await fetch(url('/journal?follow=1&from=1000000'), { signal: leaving.signal });
    expect(response.status).toBe(200);
    leaving.abort();
  });

  it('is summed up', async () => {
    await send('job-1', 'again@x.test');
    const summary = (await (await fetch(url('/journal/summary'))).json()) as Record<string, unknown>;
    expect(summary).toMatchObject({ distinctJobIds: 8, duplicates: [{ jobId: 'job-1', copies: 3 }], surplusCopies: 2 });
    expect(summary).toEqual(JSON.parse(JSON.stringify(await simulator.summary())));
  });

  it('is emptied', async () => {
    const { next } = simulator.stats().journal;
    expect((await fetch(url('/journal'), { method: 'DELETE' })).status).toBe(200);
    expect(await get('/journal')).toEqual([]);
    await send('fresh', 'e@x.test');
    expect(await get(`/journal?since=${next - 1}`)).toMatchObject([{ seq: next, jobId: 'fresh' }]);
  });

  it('counts per site, and per source and site', async () => {
    await client.say('MAIL FROM:<a@x.test>', 'RCPT TO:<reject@apple.test>', 'RCPT TO:<f@apple.test>', 'RSET');
    const stats = (await (await fetch(url('/stats'))).json()) as ReturnType<Simulator['stats']>;
    expect(stats.sites.find(({ site }) => site === 'apple.test')).toEqual({
      site: 'apple.test',
      connectionsOpen: 1,
      connectionsPeak: 1,
      attempts: 2,
      messages: 0,
      rejects: 1,
      otherwise: { '550': 1 },
    });
    expect(stats.pairs.find(({ site }) => site === 'x.test')).toEqual({
      source: 'source-1.test',
      site: 'x.test',
      attempts: 9,
      messages: 9,
      attemptsPerMinuteMax: 9,
      messagesPerMinuteMax: 9,
    });
    expect(stats.connections).toEqual({ open: 1, peak: 1, total: 1 });
  });

  it('shows the page of addresses, and what it does not know', async () => {
    const page = await fetch(url('/'));
    expect(page.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await page.text()).toContain('# The mailbox simulator');
    expect((await fetch(url('/nothing'))).status).toBe(404);
    expect((await fetch(url('/journal'), { method: 'POST' })).status).toBe(404);
  });
});

it('keeps no sources unless it is asked to', async () => {
  const simulator = await startSimulator();
  const client = await greeted(simulator.smtpPort);
  await client.say('MAIL FROM:<>', 'RCPT TO:<a@x.test>', 'DATA');
  client.send(`${messageOf('job-1')}.\r\n`);
  await client.take();
  expect(simulator.journal({ raw: true })).toMatchObject([{ jobId: 'job-1', from: '', raw: null }]);
  client.close();
  await simulator.stop();
});

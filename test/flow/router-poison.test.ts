import { jest } from '@jest/globals';
import fc from 'fast-check';
import { routerGroup } from '../../processors/router/index.ts';
import type { DeadLetter, DeliveryResult, EmailJob } from '../../src/contracts/generated.ts';
import { type Topic, topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../../src/domain/policy.ts';
import { MINUTE_MS } from '../../src/domain/time.ts';
import { aHeader, aJob, anAttachment, aPayload } from '../../src/testing/builders.ts';
import { drive } from '../../src/testing/driver.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { anyCharacter } from '../support/any-text.ts';
import { routerOver, Stores, tables } from '../support/routing.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const NOW = 1_700_000_000_000;
const INGEST = topics.ingest('transactional');

/** Any text, and the texts that break mail software. */
const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: anyCharacter, maxLength: 30 }),
  fc.constantFrom(
    '',
    '\r\n.\r\n',
    '\0',
    'a\r\nBcc: b@x.example',
    '\u2028',
    '__proto__',
    'a@b',
    '"@"@x.example',
    'a@ü.example',
  ),
);
const when = fc.oneof(
  fc.constant(null),
  fc.integer({ min: -10, max: 10 }).map((n) => NOW + n * MINUTE_MS),
  // The library's bounds of a long, one less than what a double holds exactly.
  fc.integer({ min: -(2 ** 53) + 2, max: 2 ** 53 - 2 }),
);
const anyJob: fc.Arbitrary<EmailJob> = fc
  .record({
    id: fc.oneof(text, fc.uuid()),
    tenant: text,
    type: fc.constantFrom<EmailJob['type'][]>('unknown', 'transactional', 'notification', 'marketing'),
    recipient: fc.oneof(text, fc.emailAddress()),
    templateId: fc.option(text),
    campaign: fc.option(text),
    tags: fc.array(text, { maxLength: 3 }),
    metadata: fc.array(
      fc.tuple(text, text).map(([name, value]) => aHeader(name, value)),
      { maxLength: 3 },
    ),
    sendAt: when,
    expiresAt: when,
    payload: fc.option(
      fc
        .record({
          from: fc.oneof(text, fc.emailAddress()),
          replyTo: fc.option(text),
          subject: text,
          html: fc.option(text),
          unsubscribeLink: fc.option(fc.oneof(text, fc.webUrl())),
          headers: fc.array(
            fc.tuple(text, text).map(([name, value]) => aHeader(name, value)),
            { maxLength: 3 },
          ),
          attachments: fc.array(
            text.map((filename) => anAttachment({ filename })),
            { maxLength: 2 },
          ),
          mime: fc.option(fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes))),
        })
        .map((over) => aPayload(over)),
    ),
  })
  .map((over) => aJob(over));

const world = () => {
  const cluster = new MemoryCluster({ now: NOW });
  const codec = new MemoryCodec();
  const run = () =>
    drive<EmailJob>({
      cluster,
      clock: new VirtualClock(NOW),
      define: routerOver(cluster, tables(), new Stores(), {}, codec),
      codec,
      group: routerGroup('transactional'),
      batchSizes: [500],
    });
  const all = <V>(topic: Topic<V>): V[] =>
    cluster.all(topic.name).flatMap(({ value }) => {
      const decoded = codec.decode(topic, value);
      return decoded.ok ? [decoded.value] : [];
    });
  const through = () =>
    QUEUES.flatMap((queue) => PROVIDERS.flatMap((provider) => cluster.all(topics.send({ queue, provider }).name)));
  return { cluster, codec, run, all, through };
};

describe('poison on the ingest topics', () => {
  it('ends in dead letters with a reason, every record of it, and the good jobs between arrive', async () => {
    const { cluster, codec, run, all, through } = world();
    const good = (n: number) => codec.encode(INGEST, aJob({ id: `good-${n}` }));
    const template = good(0);
    const mutated = fc
      .tuple(fc.nat(template.length - 1), fc.nat(255), fc.nat(template.length))
      .map(([at, byte, length]) => {
        const bytes = Buffer.from(template.subarray(0, Math.max(length, 1)));
        bytes[Math.min(at, bytes.length - 1)] = byte;
        return bytes;
      });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((random) => Buffer.from(random)),
      mutated,
      fc.uint8Array({ maxLength: 60 }).map((random) => Buffer.concat([template.subarray(0, 5), random])),
    );
    const poison = fc.sample(bytes, { numRuns: 2_000, seed: 5 }).filter((one) => !one.equals(template));
    for (const [n, value] of poison.entries()) {
      cluster.append({ topic: INGEST.name, key: `key-${n}`, value });
      if (n % 100 === 0) cluster.append({ topic: INGEST.name, key: `good-${n}`, value: good(n) });
    }
    const telemetry = await run();
    const letters = all<DeadLetter>(topics.deadLetters);
    expect(letters.every(({ reason, value }) => reason !== '' && value !== null)).toBe(true);
    expect(letters.filter(({ reason }) => reason === 'step-threw')).toEqual([]);
    // A byte that changed may have left a job that is as good as the others: then it was let through, or dropped as one.
    const duplicates = telemetry.sum('postlane_decisions_total{"processor":"router","decision":"duplicate"}');
    const goodCount = Math.ceil(poison.length / 100);
    const ids = new Set(through().map(({ value }) => (codec.decode(INGEST, value) as { value: EmailJob }).value.id));
    for (let n = 0; n < poison.length; n += 100) expect(ids).toContain(`good-${n}`);
    const elsewhere = EMAIL_TYPES.flatMap((type) => cluster.all(topics.results(type).name)).length;
    expect(letters.length + duplicates + through().length).toBe(poison.length + goodCount);
    expect(elsewhere).toBeLessThanOrEqual(letters.length);
  });

  it('makes of any decodable job one record in one place, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyJob, { maxLength: 20 }), async (jobs) => {
        const { cluster, codec, run, all, through } = world();
        for (const job of jobs) cluster.append({ topic: INGEST.name, key: job.id, value: codec.encode(INGEST, job) });
        const telemetry = await run();
        const decided = (decision: string) =>
          telemetry.sum(`postlane_decisions_total{"processor":"router","decision":"${decision}"}`);
        const letters = all<DeadLetter>(topics.deadLetters);
        expect(letters.filter(({ reason }) => reason === 'step-threw')).toEqual([]);
        const ladder = ['15s', '1m', '5m', '15m', '1h', '4h', '1d'].flatMap((tier) =>
          cluster.all(`email.delay.${tier}`),
        );
        const endings = EMAIL_TYPES.flatMap((type) => all<DeliveryResult>(topics.results(type)));
        const aside = endings.filter(({ ending }) => ending !== 'dead_lettered').length;
        expect(through().length + ladder.length + aside + letters.length + decided('duplicate')).toBe(jobs.length);
        const keys = new Set(endings.map(({ jobId, tenant }) => JSON.stringify([tenant, jobId])));
        expect(keys.size).toBe(endings.length);
      }),
      { numRuns: 80 },
    );
  });
});

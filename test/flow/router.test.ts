import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { FORWARDED_HEADER, routerGroup } from '../../processors/router/index.ts';
import { homePartition } from '../../processors/router/step.ts';
import type { EmailJob, Evidence } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { readEnvelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { PostlaneError } from '../../src/domain/error.ts';
import { EMAIL_TYPES, type EmailType } from '../../src/domain/policy.ts';
import { addEvidence, emptySuppression, tenantRecipientSubject } from '../../src/domain/suppression.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import type { SeenStore } from '../../src/runtime/seen-port.ts';
import { StoreHome } from '../../src/store/home.ts';
import { LmdbSeenStore } from '../../src/store/seen-store.ts';
import { aJob, anEvidence, aPayload } from '../../src/testing/builders.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { MemorySeenStore } from '../../src/testing/memory-seen-store.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { json, jsonCodec } from '../support/json-codec.ts';
import { routerOver, Stores, tables, whereabouts } from '../support/routing.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const NOW = 1_700_000_000_000;

const world = (partitions = 1) => {
  const cluster = new MemoryCluster({ now: NOW, partitions });
  return { cluster, clock: new VirtualClock(NOW), views: tables(), stores: new Stores() };
};
type World = ReturnType<typeof world>;

const publish = (
  { cluster }: World,
  job: EmailJob,
  over: { topic?: EmailType; partition?: number; headers?: Record<string, string> } = {},
) =>
  cluster.append({
    topic: topics.ingest(over.topic ?? (EMAIL_TYPES.find((type) => type === job.type) as EmailType) ?? 'transactional')
      .name,
    key: job.id,
    value: json(job),
    headers: over.headers ?? {},
    ...(over.partition === undefined ? {} : { partition: over.partition }),
  });

const run = (
  { cluster, clock, views, stores }: World,
  over: Partial<Parameters<typeof drive<EmailJob>>[0]> = {},
  rulesOver: Parameters<typeof routerOver>[3] = {},
) =>
  drive<EmailJob>({
    cluster,
    clock,
    define: routerOver(cluster, views, stores, rulesOver),
    codec: jsonCodec,
    group: routerGroup('transactional'),
    ...over,
  });

const suppressed = (address: string) =>
  addEvidence(
    emptySuppression(`recipient:${address}`),
    anEvidence({ kind: 'bounced', severity: 'hard_bounce', at: NOW - 1, class: 'invalid-recipient', ruleVersion: '1' }),
  );

describe('the router', () => {
  it('puts a job into the lane of its type and provider, byte for byte, keyed by recipient', async () => {
    const w = world();
    publish(w, aJob({ recipient: 'Ada@Google.Test' }));
    const telemetry = await run(w);
    expect(telemetry.sum('postlane_decisions_total{"processor":"router","decision":"transactional.google"}')).toBe(1);
    const [record] = w.cluster.all(topics.send({ queue: 'transactional', provider: 'google' }).name);
    expect(record?.key?.toString()).toBe('Ada@google.test');
    expect(record?.value).toEqual(json(aJob({ recipient: 'Ada@Google.Test' })));
    expect(readEnvelope(record?.headers ?? {}, 0)).toMatchObject({
      acceptedAt: NOW,
      attempts: 0,
      type: 'transactional',
      notBefore: null,
    });
  });

  it('sends marketing of a poor source or sender domain to the throttled queue', async () => {
    const w = world();
    w.views.scores.set('identity:source:marketing-1|other', { score: 0.69, action: 'none' });
    w.views.scores.set('identity:domain:poor.example|google', { score: 0.1, action: 'throttle' });
    w.views.scores.set('identity:source:transactional-1|other', { score: 0.1, action: 'throttle' });
    publish(w, aJob({ id: 'a', type: 'marketing' }));
    publish(w, aJob({ id: 'b', type: 'marketing', recipient: 'a@google.test' }));
    publish(
      w,
      aJob({ id: 'c', type: 'marketing', recipient: 'a@google.test', payload: aPayload({ from: 'a@poor.example' }) }),
    );
    publish(w, aJob({ id: 'd' }));
    await run(w);
    expect(
      whereabouts(w.cluster)
        .lanes.map(({ lane, job }) => `${job.id} ${lane}`)
        .sort(),
    ).toEqual([
      'a marketing-throttled.other',
      'b marketing.google',
      'c marketing-throttled.google',
      'd transactional.other',
    ]);
  });

  it('throttles until the action ends, not until the score is above the limit; an alert throttles nothing', async () => {
    const w = world();
    w.views.scores.set('identity:campaign:default/spring|other', { score: 0.8, action: 'throttle' });
    w.views.scores.set('identity:tenant:shop|other', { score: 0.1, action: 'alert' });
    publish(w, aJob({ id: 'a', type: 'marketing', campaign: 'spring' }));
    publish(w, aJob({ id: 'b', type: 'marketing', tenant: 'shop' }));
    await run(w);
    const { lanes } = whereabouts(w.cluster);
    expect(new Map(lanes.map(({ lane, job }) => [job.id, lane]))).toEqual(
      new Map([
        ['a', 'marketing-throttled.other'],
        ['b', 'marketing.other'],
      ]),
    );
  });

  it('keeps marketing of a paused identity on the ladder, and nothing else', async () => {
    const w = world();
    w.views.scores.set('identity:domain:shop.example|other', { score: 0.1, action: 'pause' });
    publish(w, aJob({ id: 'a', type: 'marketing' }));
    publish(w, aJob({ id: 'b' }));
    await run(w);
    const { lanes, ladder } = whereabouts(w.cluster);
    expect(ladder.map(({ tier, job }) => [tier, job.id])).toEqual([['15m', 'a']]);
    expect(lanes.map(({ job }) => job.id)).toEqual(['b']);
  });

  it('ends what is suppressed, whatever the case of the address, and says why', async () => {
    const w = world();
    w.views.suppressions.set('recipient:ada@inbox.example', suppressed('ada@inbox.example'));
    publish(w, aJob({ recipient: 'ADA@Inbox.Example', campaign: 'spring' }));
    await run(w);
    const { lanes, results } = whereabouts(w.cluster);
    expect(lanes).toEqual([]);
    expect(results).toMatchObject([
      {
        jobId: 'job-1',
        kind: 'ending',
        ending: 'suppressed',
        attempt: 0,
        campaign: 'spring',
        recipient: 'ADA@Inbox.Example',
      },
    ]);
    expect(results[0]?.reason).toMatch(/^hard_bounce: bounced .*rules 1.*event e1$/);
  });

  it('ends what the tenant itself suppressed, and of the installation’s list what binds that tenant and type', async () => {
    const w = world();
    const added = anEvidence({ kind: 'suppression_added', severity: 'manual', at: NOW - 1 });
    const put = (subject: string, over: Partial<Evidence>) =>
      w.views.suppressions.set(subject, addEvidence(emptySuppression(subject), { ...added, ...over }));
    put(tenantRecipientSubject('a', 'own@inbox.example'), {});
    put('recipient:shared@inbox.example', { tenant: 'a', type: 'notification' });
    put('recipient:ended@inbox.example', { until: NOW });
    for (const tenant of ['a', 'b']) {
      for (const type of ['transactional', 'notification'] as const) {
        for (const name of ['own', 'shared', 'ended']) {
          const id = `${tenant} ${type} ${name}`;
          publish(w, aJob({ id, tenant, type, recipient: `${name}@inbox.example` }));
        }
      }
    }
    await run(w);
    const ended = whereabouts(w.cluster).results.map(({ jobId, ending }) => `${jobId} ${ending}`);
    expect(ended.sort()).toEqual([
      'a notification own suppressed',
      'a notification shared suppressed',
      'a transactional own suppressed',
    ]);
  });

  it('ends what is too old, by its own word or by age', async () => {
    const w = world();
    publish(w, aJob({ id: 'a', expiresAt: NOW }));
    publish(w, aJob({ id: 'b', sendAt: NOW + HOUR_MS, expiresAt: NOW + HOUR_MS }));
    publish(w, aJob({ id: 'c' }));
    await w.clock.advance(0);
    await run(w, {}, { ageMaxMsOf: () => 0 });
    expect(whereabouts(w.cluster).results.map(({ jobId, ending, reason }) => [jobId, ending, reason])).toEqual([
      ['a', 'expired', 'expires-at'],
      ['b', 'expired', 'expires-at'],
      ['c', 'expired', 'max-age'],
    ]);
  });

  it('takes the age from sendAt', async () => {
    const w = world();
    publish(w, aJob({ sendAt: NOW + 10 * DAY_MS }));
    await run(w);
    expect(whereabouts(w.cluster).ladder).toMatchObject([{ tier: '1d' }]);
  });

  it('sends what is to go later down the ladder, and what a worker can hold straight to its lane', async () => {
    const w = world();
    publish(w, aJob({ id: 'later', sendAt: NOW + HOUR_MS }));
    publish(w, aJob({ id: 'soon', sendAt: NOW + 30_000 }));
    publish(w, aJob({ id: 'past', sendAt: NOW - 1 }));
    await run(w);
    const [later] = w.cluster.all(topics.delay('1h').name);
    expect(readEnvelope(later?.headers ?? {}, 0)).toMatchObject({
      notBefore: NOW + HOUR_MS,
      toleranceMs: 15_000,
      type: 'transactional',
    });
    const lane = w.cluster.all(topics.send({ queue: 'transactional', provider: 'other' }).name);
    expect(lane.map((record) => readEnvelope(record.headers, 0).notBefore)).toEqual([NOW + 30_000, null]);
  });

  it('routes what comes back from the ladder again: past deduplication, not past suppression', async () => {
    const w = world();
    publish(w, aJob({ id: 'a' }));
    await run(w);
    const headers = writeEnvelope({
      ...readEnvelope({}, NOW),
      type: 'transactional',
      attempts: 2,
      lastSource: 'relay-1',
      notBefore: NOW,
      toleranceMs: 9,
      postponements: 1,
    });
    for (const recipient of ['ada@inbox.example', 'bob@inbox.example']) {
      w.cluster.append({
        topic: topics.due('transactional').name,
        key: recipient,
        value: json(aJob({ id: 'a', recipient })),
        headers,
      });
    }
    w.views.suppressions.set('recipient:bob@inbox.example', suppressed('bob@inbox.example'));
    await run(w);
    const lane = w.cluster.all(topics.send({ queue: 'transactional', provider: 'other' }).name);
    expect(lane).toHaveLength(2);
    expect(readEnvelope(lane[1]?.headers ?? {}, 0)).toMatchObject({
      attempts: 2,
      lastSource: 'relay-1',
      notBefore: null,
      postponements: 1,
      acceptedAt: NOW,
    });
    expect(whereabouts(w.cluster).results).toMatchObject([{ ending: 'suppressed', attempt: 2 }]);
  });

  it('refuses with a dead letter and one ending, also where it comes twice', async () => {
    const w = world();
    publish(w, aJob({ recipient: 'nobody' }));
    publish(w, aJob({ recipient: 'nobody' }));
    await run(w);
    const { results, deadLetters, lanes } = whereabouts(w.cluster);
    expect(lanes).toEqual([]);
    expect(results).toMatchObject([{ ending: 'dead_lettered', reason: 'recipient-invalid: no-at' }]);
    expect(deadLetters).toMatchObject([{ jobId: 'job-1', stage: 'router', reason: 'recipient-invalid', offset: 0 }]);
    expect(deadLetters[0]?.value).toEqual(json(aJob({ recipient: 'nobody' })));
  });

  it('ends a job that its own code threw over, and the jobs beside it are routed', async () => {
    const providerOf = (domain: string) => {
      if (domain === 'cursed.example') throw new TypeError('no such thing');
      return 'other' as const;
    };
    const w = world();
    publish(w, aJob({ id: 'before' }));
    publish(w, aJob({ id: 'cursed', recipient: 'a@cursed.example' }));
    publish(w, aJob({ id: 'after' }));
    await run(w, {}, { providerOf });
    const { results, deadLetters, lanes } = whereabouts(w.cluster);
    expect(lanes).toHaveLength(2);
    expect(results).toMatchObject([
      { jobId: 'cursed', ending: 'dead_lettered', reason: 'step-threw: TypeError: no such thing' },
    ]);
    expect(deadLetters).toMatchObject([{ jobId: 'cursed', stage: 'router', reason: 'step-threw' }]);
  });

  it('makes a dead letter of what has no usable id: it cannot end', async () => {
    const w = world();
    publish(w, aJob({ id: '' }));
    await run(w);
    expect(whereabouts(w.cluster)).toMatchObject({ results: [], deadLetters: [{ reason: 'id-invalid' }] });
  });

  it('ends a job of no known type where it came in', async () => {
    const w = world();
    publish(w, aJob({ type: 'unknown' }), { topic: 'marketing' });
    await run(w);
    expect(w.cluster.all(topics.results('marketing').name)).toHaveLength(1);
  });

  describe('deduplication', () => {
    it('drops the same job and counts it, also when its trace context is another one', async () => {
      const w = world();
      publish(w, aJob());
      publish(w, aJob({ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }));
      publish(w, aJob({ tenant: 'other' }));
      const telemetry = await run(w);
      expect(whereabouts(w.cluster)).toMatchObject({ lanes: [{}, {}], results: [], deadLetters: [] });
      expect(telemetry.sum('postlane_decisions_total{"processor":"router","decision":"duplicate"}')).toBe(1);
    });

    it('makes a dead letter of an id that comes back with other content, and no second ending', async () => {
      const w = world();
      publish(w, aJob());
      publish(w, aJob({ payload: aPayload({ subject: 'Other' }) }));
      await run(w);
      expect(whereabouts(w.cluster)).toMatchObject({
        lanes: [{}],
        results: [],
        deadLetters: [{ reason: 'id-reused' }],
      });
    });

    it('reaches back over its window and no further', async () => {
      const w = world();
      publish(w, aJob());
      await run(w);
      await w.clock.advance(7 * DAY_MS);
      w.cluster.now = w.clock.now();
      publish(w, aJob());
      await run(w);
      expect(whereabouts(w.cluster).lanes).toHaveLength(1);
      await w.clock.advance(1);
      w.cluster.now = w.clock.now();
      publish(w, aJob());
      await run(w);
      expect(whereabouts(w.cluster).lanes).toHaveLength(2);
    });

    it.each([0, 1, 2, 3])(
      'works on any partition: what came to partition %d goes to its home once',
      async (partition) => {
        const w = world(4);
        publish(w, aJob(), { partition });
        publish(w, aJob(), { partition: 3 - partition });
        await run(w);
        const { lanes, deadLetters } = whereabouts(w.cluster);
        expect(lanes).toHaveLength(1);
        expect(deadLetters).toHaveLength(0);
      },
    );

    it('forwards no record twice, even where partition counts disagree', async () => {
      const w = world(4);
      const foreign = [0, 1, 2, 3].find((partition) => partition !== homePartition('job-1', 4)) as number;
      publish(w, aJob(), { partition: foreign, headers: { [FORWARDED_HEADER]: 'email.ingest.transactional/9' } });
      await run(w);
      expect(whereabouts(w.cluster).lanes).toHaveLength(1);
      expect(w.cluster.all(topics.ingest('transactional').name)).toHaveLength(1);
    });

    it('routes a job in the wrong topic by its own type, once with its twin in the right one', async () => {
      const w = world(4);
      publish(w, aJob({ type: 'marketing' }), { topic: 'transactional' });
      publish(w, aJob({ type: 'marketing' }));
      const telemetry = await run(w);
      expect(whereabouts(w.cluster).lanes).toMatchObject([{ lane: 'marketing.other' }]);
      expect(telemetry.sum('postlane_decisions_total{"processor":"router","decision":"misplaced"}')).toBe(1);
    });

    it('believes no header of a foreign producer about when a job was accepted', async () => {
      const w = world();
      publish(w, aJob(), {
        headers: { 'pl-accepted': '1', 'pl-attempts': '7', 'pl-not-before': String(NOW + DAY_MS) },
      });
      await run(w);
      const [record] = w.cluster.all(topics.send({ queue: 'transactional', provider: 'other' }).name);
      expect(readEnvelope(record?.headers ?? {}, 0)).toMatchObject({ acceptedAt: NOW, attempts: 0, notBefore: null });
    });
  });

  it('lets nothing through while its views are not current, and everything afterwards', async () => {
    const w = world();
    w.views.ready = false;
    for (const type of EMAIL_TYPES) publish(w, aJob({ id: type, type }));
    w.cluster.append({
      topic: topics.due('marketing').name,
      key: 'a',
      value: json(aJob({ id: 'due', type: 'marketing' })),
    });
    const telemetry = await run(w, { waitMaxMs: 5 * MINUTE_MS });
    expect(telemetry.sum('postlane_gate_waits_total')).toBeGreaterThan(4);
    expect(whereabouts(w.cluster)).toEqual({ lanes: [], ladder: [], results: [], deadLetters: [] });
    w.views.ready = true;
    await run(w);
    expect(whereabouts(w.cluster).lanes).toHaveLength(4);
  });

  it('takes a store that fails for no fault of a job: it waits and goes on', async () => {
    const w = world();
    for (let n = 0; n < 5; n++) publish(w, aJob({ id: `job-${n}` }));
    const { suppressions } = w.views;
    let failures = 3;
    suppressions.get = (subject) => {
      if (failures-- > 0) throw new PostlaneError('STORE_UNAVAILABLE', { what: 'a test' });
      return Map.prototype.get.call(suppressions, subject) as undefined;
    };
    await run(w, { waitMaxMs: MINUTE_MS });
    expect(whereabouts(w.cluster)).toMatchObject({ lanes: [{}, {}, {}, {}, {}], deadLetters: [] });
  });

  describe('whatever crashes', () => {
    const job = fc.record({
      id: fc.integer({ min: 0, max: 12 }).map((n) => `job-${n}`),
      type: fc.constantFrom<EmailJob['type'][]>('transactional', 'marketing', 'marketing', 'unknown'),
      recipient: fc.constantFrom('a@google.test', 'b@inbox.example', 'gone@inbox.example', 'broken'),
      subject: fc.constantFrom('one', 'one', 'one', 'two'),
      sendAt: fc.constantFrom(null, null, NOW + HOUR_MS),
      expiresAt: fc.constantFrom(null, null, NOW - 1),
      partition: fc.integer({ min: 0, max: 2 }),
      topic: fc.constantFrom<EmailType[]>('transactional', 'marketing'),
    });
    const fault = fc.record({
      commit: fc.constantFrom<Fault['commit'][]>('none', 'none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
      crash: fc.boolean(),
    });

    let directory: string;
    let home: StoreHome;
    let made = 0;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'postlane-router-'));
      home = await StoreHome.open(directory);
    });
    afterAll(async () => {
      await home.close();
      await rm(directory, { recursive: true });
    });

    it.each<[string, boolean, () => SeenStore, number]>([
      ['kept', false, () => new MemorySeenStore(), 80],
      ['lost at every crash', true, () => new MemorySeenStore(), 80],
      ['on disk', false, () => new LmdbSeenStore(home, `${made++}`), 20],
    ])('loses no job and lets none through twice (store %s)', async (_, lost, make, numRuns) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(job, { minLength: 1, maxLength: 40 }),
          fc.array(fault, { maxLength: 25 }),
          fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
          async (jobs, faults, batchSizes) => {
            const w = { ...world(3), stores: new Stores(make) };
            w.views.suppressions.set('recipient:gone@inbox.example', suppressed('gone@inbox.example'));
            for (const { subject, partition, topic, ...over } of jobs) {
              publish(w, aJob({ ...over, payload: aPayload({ subject }) }), { partition, topic });
            }
            const define = routerOver(w.cluster, w.views, w.stores);
            const telemetry = await run(w, {
              faults,
              batchSizes,
              waitMaxMs: 10 * MINUTE_MS,
              define: () => {
                if (lost) w.stores.lose();
                return define();
              },
            });
            const { lanes, ladder, results, deadLetters } = whereabouts(w.cluster);
            // An unknown type is told apart where it came in, so it counts as another job.
            const place = ({ id, type }: { id: string; type: string }, topic: string) =>
              `${id} ${type === 'unknown' ? topic : type}`;
            const expected = new Set(jobs.map((one) => place(one, one.topic)));
            const ended = results.map(({ jobId, type }, n) =>
              type === 'unknown' ? `${jobId} ${resultTopics(w.cluster)[n]}` : `${jobId} ${type}`,
            );
            const through = [...lanes, ...ladder].map(({ job: { id, type } }) => `${id} ${type}`);
            expect([...through, ...ended].sort()).toEqual([...expected].sort());
            // Whatever was neither let through nor ended was a twin: dropped, or named as reused.
            const reused = deadLetters.filter(({ reason }) => reason === 'id-reused').length;
            const duplicates = telemetry.sum('postlane_decisions_total{"processor":"router","decision":"duplicate"}');
            // A commit that landed and was not believed is not counted, hence at most.
            expect(duplicates + reused).toBeLessThanOrEqual(jobs.length - expected.size);
            expect(deadLetters.filter(({ reason }) => reason === 'step-threw')).toEqual([]);
          },
        ),
        { numRuns },
      );
    });
  });
});

/** The type in the name of the results topic that each result lies in, in the order of `whereabouts`. */
const resultTopics = (cluster: MemoryCluster): string[] =>
  EMAIL_TYPES.flatMap((type) => cluster.all(topics.results(type).name).map(() => type));

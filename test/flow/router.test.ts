import { jest } from '@jest/globals';
import type { Evidence } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { readEnvelope, writeEnvelope } from '../../src/domain/envelope.ts';
import { PostlaneError } from '../../src/domain/error.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { addEvidence, emptySuppression, tenantRecipientSubject } from '../../src/domain/suppression.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import { aJob, anEvidence, aPayload } from '../../src/testing/builders.ts';
import { json } from '../support/json-codec.ts';
import { whereabouts } from '../support/routing.ts';
import { NOW, publish, run, suppressed, world } from '../support/routing-world.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

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
});

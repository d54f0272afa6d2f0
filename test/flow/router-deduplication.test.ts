import { FORWARDED_HEADER } from '../../processors/router/index.ts';
import { homePartition } from '../../processors/router/step.ts';
import { topics } from '../../src/contracts/topic.ts';
import { readEnvelope } from '../../src/domain/envelope.ts';
import { DAY_MS } from '../../src/domain/time.ts';
import { aJob, aPayload } from '../../src/testing/builders.ts';
import { whereabouts } from '../support/routing.ts';
import { NOW, publish, run, world } from '../support/routing-world.ts';

describe('deduplication by the router', () => {
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

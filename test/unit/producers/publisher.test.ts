import fc from 'fast-check';
import {
  type Appender,
  JobPublisher,
  PUBLISHER_BOUNDS_DEFAULT,
  type PublisherBounds,
} from '../../../producers/publisher/publisher.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { PostlaneError } from '../../../src/domain/error.ts';
import { JOB_RULES_DEFAULT } from '../../../src/domain/job.ts';
import type { EmailJobInput } from '../../../src/domain/job-input.ts';
import type { Landed, LogRecord } from '../../../src/runtime/ports.ts';
import { MemoryCodec } from '../../../src/testing/memory-codec.ts';
import { settled, VirtualClock } from '../../../src/testing/virtual-clock.ts';

/** A broker whose every answer the test gives. */
class HeldAppender implements Appender {
  readonly calls: {
    readonly records: readonly LogRecord[];
    readonly acknowledge: () => void;
    readonly fail: (error?: Error) => void;
  }[] = [];
  answered = 0;
  closed = 0;
  private offset = 0;

  append(records: readonly LogRecord[]): Promise<readonly Landed[]> {
    return new Promise((resolve, reject) => {
      this.calls.push({
        records,
        acknowledge: () => resolve(records.map(() => ({ partition: 3, offset: this.offset++ }))),
        fail: (error = new PostlaneError('KAFKA_UNAVAILABLE', {})) => reject(error),
      });
    });
  }

  async close(): Promise<void> {
    this.closed++;
  }

  ids(call: number): string[] {
    return (this.calls[call]?.records ?? []).map(({ key }) => String(key));
  }
}

const aJobOf = (id: string, text = 'Thank you.'): EmailJobInput => ({
  id,
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'news@shop.example', subject: 'Your order', text },
});

function publisherOver(bounds: Partial<PublisherBounds> = {}) {
  const appender = new HeldAppender();
  const clock = new VirtualClock();
  const codec = new MemoryCodec();
  const retries: unknown[] = [];
  let ids = 0;
  const publisher = new JobPublisher({
    ...PUBLISHER_BOUNDS_DEFAULT,
    ...bounds,
    appender,
    codec,
    clock,
    newId: () => `new-${++ids}`,
    rules: JOB_RULES_DEFAULT,
    onRetry: (error) => retries.push(error),
  });
  return { publisher, appender, clock, codec, retries };
}

/** What became of a promise, without waiting for it. */
function watched<T>(promise: Promise<T>): {
  state: 'pending' | 'fulfilled' | 'rejected';
  value?: T;
  error?: PostlaneError;
} {
  const seen: ReturnType<typeof watched<T>> = { state: 'pending' };
  promise.then(
    (value) => Object.assign(seen, { state: 'fulfilled', value }),
    (error) => Object.assign(seen, { state: 'rejected', error }),
  );
  return seen;
}

describe('publishing jobs', () => {
  it('settles once the job is replicated, and says where it lies', async () => {
    const { publisher, appender, clock, codec } = publisherOver();
    const published = watched(publisher.publish(aJobOf('order-1')));
    await clock.advance(5);
    expect(appender.ids(0)).toEqual(['order-1']);
    expect(published.state).toBe('pending');
    const [record] = appender.calls[0]?.records ?? [];
    expect(record?.topic).toBe('email.ingest.transactional');
    expect(codec.decode(topics.ingest('transactional'), record?.value as Buffer)).toMatchObject({
      ok: true,
      value: { id: 'order-1', tenant: 'default' },
    });
    appender.calls[0]?.acknowledge();
    await settled();
    expect(published.value).toEqual({ id: 'order-1', topic: 'email.ingest.transactional', partition: 3, offset: 0 });
  });

  it('gives a job without an id a new one', async () => {
    const { publisher, appender, clock } = publisherOver();
    const published = watched(publisher.publish({ ...aJobOf(''), id: undefined }));
    await clock.advance(5);
    appender.calls[0]?.acknowledge();
    await settled();
    expect(published.value?.id).toBe('new-1');
  });

  it('sends together what comes within the linger, and what comes while a batch is under way', async () => {
    const { publisher, appender, clock } = publisherOver();
    for (const id of ['a', 'b']) void publisher.publish(aJobOf(id));
    await clock.advance(4);
    expect(appender.calls).toHaveLength(0);
    void publisher.publish(aJobOf('c'));
    await clock.advance(1);
    for (const id of ['d', 'e']) void publisher.publish(aJobOf(id));
    await clock.advance(1_000);
    expect(appender.calls).toHaveLength(1);
    appender.calls[0]?.acknowledge();
    await settled();
    expect([appender.ids(0), appender.ids(1)]).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });

  it('does not wait for more than one request takes, in count or in bytes', async () => {
    const { publisher, appender } = publisherOver();
    for (let n = 0; n < 600; n++) void publisher.publish(aJobOf(`job-${n}`));
    await settled();
    expect(appender.calls[0]?.records).toHaveLength(500);
    const large = publisherOver();
    for (let n = 0; n < 3; n++) void large.publisher.publish(aJobOf(`job-${n}`, 'x'.repeat(300_000)));
    await settled();
    expect(large.appender.ids(0)).toEqual(['job-0']);
  });

  it('refuses a bad job before anything is sent, and tells the problem', async () => {
    const { publisher, appender, clock } = publisherOver();
    await expect(publisher.publish({ ...aJobOf('order-1'), recipient: 'ada' })).rejects.toMatchObject({
      code: 'JOB_REFUSED',
      facts: { problem: 'recipient-invalid', detail: 'no-at', id: 'order-1' },
    });
    await expect(publisher.publish(aJobOf('order-2', 'x'.repeat(6_000_000)))).rejects.toMatchObject({
      code: 'JOB_REFUSED',
      facts: { problem: 'too-large', id: 'order-2' },
    });
    await clock.advance(1_000);
    expect(appender.calls).toHaveLength(0);
  });

  it('lets callers wait while the buffer is full, and takes them in order', async () => {
    const { publisher, appender, clock } = publisherOver({ bufferedJobsMax: 2 });
    for (const id of ['a', 'b', 'c', 'd', 'e']) void publisher.publish(aJobOf(id));
    const room = watched(publisher.room());
    await clock.advance(5);
    expect(appender.ids(0)).toEqual(['a', 'b']);
    for (const [call, expected] of [
      [0, ['c', 'd']],
      [1, ['e']],
    ] as const) {
      expect(room.state).toBe('pending');
      appender.calls[call]?.acknowledge();
      await settled();
      expect(appender.ids(call + 1)).toEqual(expected);
    }
    expect(room.state).toBe('fulfilled');
  });

  it('bounds the buffer in bytes, and lets a job larger than it go alone', async () => {
    const { publisher, appender, clock } = publisherOver({ bufferedBytesMax: 1_000 });
    const all = ['x', 'y', 'z'].map((id) => watched(publisher.publish(aJobOf(id, id.repeat(2_000)))));
    await clock.advance(5);
    for (const call of [0, 1, 2]) {
      expect(appender.ids(call)).toHaveLength(1);
      appender.calls[call]?.acknowledge();
      await settled();
    }
    expect(all.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('tries a failed append again, with the same records in the same order', async () => {
    const { publisher, appender, clock, retries } = publisherOver();
    const all = ['a', 'b'].map((id) => watched(publisher.publish(aJobOf(id))));
    await clock.advance(5);
    appender.calls[0]?.fail();
    await settled();
    void publisher.publish(aJobOf('c'));
    await clock.advance(100);
    expect(appender.ids(1)).toEqual(['a', 'b', 'c']);
    expect(retries).toHaveLength(1);
    appender.calls[1]?.acknowledge();
    await settled();
    expect(all.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled']);
  });

  it('gives a job up at its own deadline, and no other one with it', async () => {
    const { publisher, appender, clock } = publisherOver({ deliveryTimeoutMs: 1_000 });
    const old = watched(publisher.publish(aJobOf('old')));
    await clock.advance(900);
    const young = watched(publisher.publish(aJobOf('young')));
    await clock.advance(100);
    appender.calls[0]?.fail();
    await settled();
    await clock.advance(100);
    expect(old).toMatchObject({ state: 'rejected', error: { code: 'KAFKA_UNAVAILABLE' } });
    expect(young.state).toBe('pending');
    expect(appender.ids(1)).toEqual(['young']);
    appender.calls[1]?.acknowledge();
    await settled();
    expect(young.state).toBe('fulfilled');
  });

  it('does not try again what the broker refuses', async () => {
    const { publisher, appender, clock } = publisherOver();
    const published = watched(publisher.publish(aJobOf('a')));
    await clock.advance(5);
    const cause = Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' });
    appender.calls[0]?.fail(new PostlaneError('KAFKA_UNAVAILABLE', {}, { cause }));
    await settled();
    await clock.advance(60_000);
    expect(published).toMatchObject({ state: 'rejected', error: { code: 'KAFKA_UNAVAILABLE' } });
    expect(appender.calls).toHaveLength(1);
  });

  it('flushes what was published before, without lingering', async () => {
    const { publisher, appender } = publisherOver();
    await publisher.flush();
    void publisher.publish(aJobOf('a'));
    const flushing = publisher.flush();
    const flushed = watched(flushing);
    await settled();
    void publisher.publish(aJobOf('b'));
    expect(appender.ids(0)).toEqual(['a']);
    expect(flushed.state).toBe('pending');
    appender.calls[0]?.acknowledge();
    await flushing;
    expect(appender.ids(1)).toEqual(['b']);
  });

  it('flushes so that whoever waits for a job has heard of it first', async () => {
    const { publisher, appender } = publisherOver();
    const heard: string[] = [];
    const hear = async (id: string) => {
      await publisher.publish(aJobOf(id));
      await Promise.resolve();
      heard.push(id);
    };
    void Promise.all(['a', 'b'].map(hear));
    const flushed = publisher.flush();
    await settled();
    appender.calls[0]?.acknowledge();
    await flushed;
    expect(heard).toEqual(['a', 'b']);
  });

  it('closes once, after it has flushed, and takes nothing more', async () => {
    const { publisher, appender } = publisherOver();
    const published = watched(publisher.publish(aJobOf('a')));
    const closing = Promise.all([publisher.close(), publisher.close()]);
    const closed = watched(closing);
    await expect(publisher.publish(aJobOf('b'))).rejects.toMatchObject({ code: 'STOPPED' });
    await settled();
    expect(closed.state).toBe('pending');
    appender.calls[0]?.acknowledge();
    await closing;
    expect([published.state, appender.closed]).toEqual(['fulfilled', 1]);
  });

  it('rejects what it could not send when closing takes too long', async () => {
    const { publisher, appender, clock } = publisherOver({ bufferedJobsMax: 1 });
    const all = ['a', 'b', 'c'].map((id) => watched(publisher.publish(aJobOf(id))));
    const closed = watched(publisher.close({ withinMs: 2_000 }));
    await clock.advance(2_000);
    await settled();
    expect(all.map(({ state, error }) => [state, error?.code])).toEqual(Array(3).fill(['rejected', 'STOPPED']));
    appender.calls[0]?.fail();
    await settled();
    expect(closed.state).toBe('fulfilled');
    expect(appender.calls).toHaveLength(1);
  });

  it('loses no job and settles every call, whatever fails: in order, and at most as often as it was tried', async () => {
    const jobs = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 60 });
    const answers = fc.array(fc.constantFrom('acknowledged', 'failed', 'landed-and-failed'), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(jobs, answers, fc.integer({ min: 1, max: 9 }), async (gaps, outcomes, bufferedJobsMax) => {
        const clock = new VirtualClock();
        const landed: string[] = [];
        const pending = [...outcomes];
        const appender: Appender = {
          async append(records) {
            await clock.sleep(3);
            const outcome = pending.shift() ?? 'acknowledged';
            if (outcome !== 'failed') landed.push(...records.map(({ key }) => String(key)));
            if (outcome !== 'acknowledged') throw new PostlaneError('KAFKA_UNAVAILABLE', {});
            return records.map((_, n) => ({ partition: 0, offset: n }));
          },
          close: async () => undefined,
        };
        const publisher = new JobPublisher({
          ...PUBLISHER_BOUNDS_DEFAULT,
          bufferedJobsMax,
          appender,
          codec: new MemoryCodec(),
          clock,
          newId: () => 'unused',
          rules: JOB_RULES_DEFAULT,
          onRetry: () => undefined,
        });
        const all = [];
        for (const [n, gap] of gaps.entries()) {
          all.push(watched(publisher.publish(aJobOf(`job-${n}`))));
          await clock.advance(gap);
        }
        await clock.advance(100_000);
        expect(all.every(({ state }) => state === 'fulfilled')).toBe(true);
        const distinct = [...new Set(landed)];
        expect(distinct).toEqual(gaps.map((_, n) => `job-${n}`));
        const tries = outcomes.filter((outcome) => outcome === 'landed-and-failed').length;
        for (const id of distinct) expect(landed.filter((other) => other === id).length).toBeLessThanOrEqual(tries + 1);
      }),
      { numRuns: 50 },
    );
  }, 60_000);
});

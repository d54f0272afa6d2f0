import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaIntake, type KafkaIntakeOptions } from '../../../src/kafka/intake.ts';
import { KafkaLog } from '../../../src/kafka/kafka-log.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import type { IntakeHandler, StoredRecord, Task } from '../../../src/runtime/ports.ts';
import { startTestInfra } from '../../support/infra.ts';
import { silentTelemetry, type TestKafka, testKafka } from '../../support/kafka.ts';
import { until } from '../../support/until.ts';

/** The shortest session that a broker allows by default. */
const SESSION_MS = 6_000;

type Infra = Awaited<ReturnType<typeof startTestInfra>>;

let infra: Infra;
let test: TestKafka;
let publisher: Publisher;
let groups = 0;
const intakes: KafkaIntake[] = [];

beforeAll(async () => {
  infra = await startTestInfra();
  test = await testKafka(infra.brokers);
  publisher = new Publisher({ kafka: test.kafka });
}, 120_000);

afterEach(async () => {
  await Promise.all(intakes.splice(0).map((intake) => intake.stop()));
}, 60_000);

afterAll(async () => {
  await publisher?.close();
  await test?.close();
  await infra?.stop();
}, 60_000);

const newGroup = (): string => `intake-${process.pid}-${Date.now()}-${++groups}`;

function member(group: string, topic: string, options: Partial<KafkaIntakeOptions> = {}): KafkaIntake {
  const intake = new KafkaIntake({
    kafka: test.kafka,
    group,
    topics: [topic],
    telemetry: silentTelemetry,
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: 30_000,
    ...options,
  });
  intakes.push(intake);
  return intake;
}

/** Keeps what it is called back with; what it answers can be set. */
class Recorder implements IntakeHandler {
  readonly calls: string[] = [];
  readonly seen: string[] = [];
  owned: readonly Task[] = [];
  generation = -1;
  answer: (task: Task, records: readonly StoredRecord[]) => number | Promise<number> = (_, records) =>
    (records.at(-1) as StoredRecord).offset + 1;
  onRevoking: () => Promise<void> = async () => undefined;

  async assigned(tasks: readonly Task[], generation: number): Promise<void> {
    this.owned = tasks;
    this.generation = generation;
    this.calls.push(`assigned ${tasks.length}`);
  }
  async revoking(): Promise<void> {
    this.calls.push('revoking');
    await this.onRevoking();
    this.owned = [];
    this.calls.push('revoked');
  }
  async batch(task: Task, records: readonly StoredRecord[]): Promise<number> {
    if (!this.owned.some((each) => each.partition === task.partition))
      this.calls.push('batch of a task that is not owned');
    for (const { value } of records) this.seen.push(`${task.partition}:${value}`);
    return this.answer(task, records);
  }
}

const publish = (topic: string, partition: number, ...values: string[]) =>
  publisher.append(values.map((value) => ({ topic, partition, key: value, value: Buffer.from(value) })));

const committed = async (group: string, topic: string) => {
  const admin = test.kafka.admin();
  await admin.connect();
  const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  await admin.disconnect();
  return found?.partitions.map(({ offset, metadata }) => ({ offset, metadata }));
};

describe('a group member', () => {
  it('hands records over in order from the beginning, and commits nothing', async () => {
    const topic = await test.topic({ partitions: 2 });
    const group = newGroup();
    await publish(topic, 0, 'a', 'b', 'c');
    const handler = new Recorder();
    await member(group, topic).start(handler);
    expect(handler.owned.map(({ partition }) => partition)).toEqual([0, 1]);
    expect(handler.owned[0]?.group).toBe(group);
    expect(handler.generation).toBeGreaterThan(0);
    await publish(topic, 0, 'd', 'e');
    await until('all records', () => handler.seen.length === 5);
    expect(handler.seen).toEqual(['0:a', '0:b', '0:c', '0:d', '0:e']);
    expect(await committed(group, topic)).toEqual([
      { offset: '-1', metadata: null },
      { offset: '-1', metadata: null },
    ]);
  });

  it('reads on where the handler says: earlier, later, or after a part of the batch', async () => {
    const topic = await test.topic();
    const handler = new Recorder();
    const answers = [0, 2, 3];
    handler.answer = (_, records) => answers.shift() ?? (records.at(-1) as StoredRecord).offset + 1;
    await publish(topic, 0, 'a', 'b', 'c', 'd');
    await member(newGroup(), topic).start(handler);
    await until('the end', () => handler.seen.length >= 11);
    expect(handler.seen).toEqual(['a', 'b', 'c', 'd', 'a', 'b', 'c', 'd', 'c', 'd', 'd'].map((value) => `0:${value}`));
  });

  it('gives large fetches in pieces, and stops inside one when told to', async () => {
    const topic = await test.topic();
    const sizes: number[] = [];
    const handler = new Recorder();
    const intake = member(newGroup(), topic, { batchRecordsMax: 10 });
    handler.answer = (task, records) => {
      sizes.push(records.length);
      if (sizes.length === 2) intake.pause(task);
      return (records.at(-1) as StoredRecord).offset + 1;
    };
    await publish(topic, 0, ...Array.from({ length: 25 }, (_, n) => String(n)));
    await intake.start(handler);
    await until('the pause', () => sizes.length === 2);
    await sleep(400);
    expect(sizes).toEqual([10, 10]);
    intake.resume(handler.owned[0] as Task);
    await until('the rest', () => sizes.length === 3);
    expect(handler.seen).toEqual(Array.from({ length: 25 }, (_, n) => `0:${n}`));
  });

  it('pauses, resumes and seeks', async () => {
    const topic = await test.topic({ partitions: 2 });
    const handler = new Recorder();
    const intake = member(newGroup(), topic);
    await intake.start(handler);
    const [first] = handler.owned as [Task];
    intake.pause(first);
    await publish(topic, 0, 'paused');
    await publish(topic, 1, 'other');
    await until('the other partition', () => handler.seen.includes('1:other'));
    expect(handler.seen).toEqual(['1:other']);
    intake.resume(first);
    await until('the resumed one', () => handler.seen.includes('0:paused'));
    intake.seek(first, 0);
    await until('it again', () => handler.seen.filter((each) => each === '0:paused').length === 2);
  });

  it('does not let a slow batch hold up the other partitions, and goes on after it', async () => {
    const topic = await test.topic({ partitions: 2 });
    const handler = new Recorder();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    handler.answer = async (task, records) => {
      if (task.partition === 0 && records[0]?.value?.toString() === 'slow') await released;
      return (records.at(-1) as StoredRecord).offset + 1;
    };
    await member(newGroup(), topic, { slowBatchMs: 50 }).start(handler);
    await publish(topic, 0, 'slow');
    await until('the slow batch', () => handler.seen.includes('0:slow'));
    await publish(topic, 0, 'after');
    for (let n = 0; n < 5; n++) {
      await publish(topic, 1, `quick-${n}`);
      await until(`quick ${n}`, () => handler.seen.includes(`1:quick-${n}`));
    }
    expect(handler.seen).not.toContain('0:after');
    release();
    await until('what came after', () => handler.seen.includes('0:after'));
    expect(handler.seen.filter((each) => each.startsWith('0:'))).toEqual(['0:slow', '0:after']);
  });

  it('passes transactions: what was aborted is not seen, and their markers stop nobody', async () => {
    const topic = await test.topic();
    const handler = new Recorder();
    await member(newGroup(), topic).start(handler);
    for (const [n, how] of (['abort', 'commit', 'abort', 'commit', 'abort'] as const).entries()) {
      const value = Buffer.from(`${how} ${n}`);
      const open = await test.transact(`t-${topic}`, [{ topic, partition: 0, key: 'k', value }]);
      await open[how]();
    }
    await publish(topic, 0, 'end');
    await until('the end', () => handler.seen.includes('0:end'));
    expect(handler.seen).toEqual(['0:commit 1', '0:commit 3', '0:end']);
  });

  it('ends when its handler meets a broken invariant', async () => {
    const topic = await test.topic();
    const handler = new Recorder();
    handler.answer = () => {
      throw new Error('broken');
    };
    const intake = member(newGroup(), topic);
    await intake.start(handler);
    await publish(topic, 0, 'x');
    expect((await intake.dead).message).toBe('broken');
  });
});

describe('a rebalance', () => {
  it('drains first: nobody gets a partition while its last owner still works on it', async () => {
    const topic = await test.topic({ partitions: 4 });
    const group = newGroup();
    const older = new Recorder();
    const newer = new Recorder();
    let drained = false;
    older.onRevoking = async () => {
      // Longer than a session: heartbeats must go on.
      await sleep(SESSION_MS * 1.1);
      drained = true;
    };
    await member(group, topic, { drainMs: SESSION_MS * 2 }).start(older);
    const firstGeneration = older.generation;
    expect(older.owned).toHaveLength(4);
    let drainedBefore: boolean | null = null;
    const assigned = newer.assigned.bind(newer);
    newer.assigned = async (tasks, generation) => {
      drainedBefore ??= drained;
      return assigned(tasks, generation);
    };
    await member(group, topic).start(newer);
    expect(drainedBefore).toBe(true);
    await until('both', () => older.owned.length === 2 && newer.owned.length === 2);
    expect(older.generation).toBe(newer.generation);
    expect(older.generation).toBeGreaterThan(firstGeneration);
    expect(older.calls).toEqual(['assigned 4', 'revoking', 'revoked', 'assigned 2']);
    expect([...older.owned, ...newer.owned].map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3]);
  }, 60_000);

  it('leaves partitions where they were', async () => {
    const topic = await test.topic({ partitions: 6 });
    const group = newGroup();
    const [a, b, c] = [new Recorder(), new Recorder(), new Recorder()];
    await member(group, topic).start(a);
    await member(group, topic).start(b);
    await until('two', () => a.owned.length === 3 && b.owned.length === 3);
    const before = [a, b].map(({ owned }) => owned.map(({ partition }) => partition));
    const third = member(group, topic);
    await third.start(c);
    await until('three', () => [a, b, c].every(({ owned }) => owned.length === 2));
    [a, b].forEach(({ owned }, n) => {
      for (const { partition } of owned) expect(before[n]).toContain(partition);
    });
    await third.stop();
    await until('two again', () => a.owned.length === 3 && b.owned.length === 3);
    expect([...a.owned, ...b.owned].map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  }, 60_000);

  it('starts over from what was committed, not from where the last owner was reading', async () => {
    const topic = await test.topic();
    const group = newGroup();
    const handler = new Recorder();
    const intake = member(group, topic);
    handler.answer = (task, records) => {
      // Read ahead, without a commit.
      intake.pause(task);
      return (records.at(-1) as StoredRecord).offset;
    };
    // A seek that comes so late is not taken up by this generation any more, and must not be by the next.
    handler.onRevoking = async () => intake.seek(handler.owned[0] as Task, 2);
    await publish(topic, 0, 'a', 'b', 'c');
    await intake.start(handler);
    await until('the batch', () => handler.seen.length === 3);
    const generation = handler.generation;
    intake.rejoin();
    await until('a new generation', () => handler.generation > generation);
    await until('all of it again', () => handler.seen.length >= 6);
    expect(handler.seen).toEqual(['0:a', '0:b', '0:c', '0:a', '0:b', '0:c']);
    expect(handler.calls).toEqual(['assigned 1', 'revoking', 'revoked', 'assigned 1']);
  });

  it('is asked for by a graceful stop, so that the others need not wait for the session to end', async () => {
    const topic = await test.topic({ partitions: 2 });
    const group = newGroup();
    const [a, b] = [new Recorder(), new Recorder()];
    const leaving = member(group, topic, { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 });
    await leaving.start(a);
    await member(group, topic, { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 }).start(b);
    await until('both', () => a.owned.length === 1 && b.owned.length === 1);
    await leaving.stop();
    expect(a.calls.slice(-2)).toEqual(['revoking', 'revoked']);
    await until('the rest for the other', () => b.owned.length === 2);
    await leaving.stop();
    expect(a.calls.filter((call) => call === 'revoking')).toHaveLength(2);
  }, 60_000);
});

describe('a log that no longer has what is committed', () => {
  it('is read from its beginning, and the committed position keeps its metadata', async () => {
    const topic = await test.topic();
    const group = newGroup();
    const log = new KafkaLog({ kafka: test.kafka, telemetry: silentTelemetry });
    const task = { group, topic, partition: 0 };
    await publish(topic, 0, 'a', 'b', 'c', 'd');
    await log.open(task);
    await log.commit(task, { outputs: [], nextOffset: 1, metadata: 'a ledger' });
    await log.close();
    const admin = test.kafka.admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] });
    await admin.disconnect();
    const handler = new Recorder();
    await member(group, topic).start(handler);
    await until('what is left', () => handler.seen.length > 0);
    expect(handler.seen).toEqual(['0:d']);
    expect(await committed(group, topic)).toEqual([{ offset: '1', metadata: 'a ledger' }]);
  });
});

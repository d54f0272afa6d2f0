import { GroupMembers } from '../../../src/kafka/group-members.ts';
import { KafkaIntake, type KafkaIntakeOptions } from '../../../src/kafka/intake.ts';
import { KafkaLog } from '../../../src/kafka/kafka-log.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import type { StoredRecord, Task } from '../../../src/runtime/ports.ts';
import { startTestInfra } from '../../support/infra.ts';
import { silentTelemetry, type TestKafka, testKafka } from '../../support/kafka.ts';
import { Recorder } from '../../support/recorder.ts';
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
    members: new GroupMembers(),
    topics: [topic],
    telemetry: silentTelemetry,
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: 30_000,
    ...options,
  });
  intakes.push(intake);
  return intake;
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
    const topic = await test.topic({ partitions: 2 });
    const sizes: number[] = [];
    const handler = new Recorder();
    const intake = member(newGroup(), topic, { batchRecordsMax: 10 });
    handler.answer = (task, records) => {
      if (task.partition === 0) sizes.push(records.length);
      if (task.partition === 0 && sizes.length === 2) intake.pause(task);
      return (records.at(-1) as StoredRecord).offset + 1;
    };
    await publish(topic, 0, ...Array.from({ length: 25 }, (_, n) => String(n)));
    await intake.start(handler);
    await until('the pause', () => sizes.length === 2);
    // The rest of the fetch is at hand; this is not fetched yet, and comes first all the same.
    await publish(topic, 1, 'other');
    await until('the other partition', () => handler.seen.includes('1:other'));
    expect(sizes).toEqual([10, 10]);
    intake.resume(handler.owned.find(({ partition }) => partition === 0) as Task);
    await until('the rest', () => sizes.length === 3);
    expect(handler.seen.filter((each) => each.startsWith('0:'))).toEqual(
      Array.from({ length: 25 }, (_, n) => `0:${n}`),
    );
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

describe('a log that no longer has what is committed', () => {
  it('is read from its beginning, and the committed position keeps its metadata', async () => {
    const topic = await test.topic();
    const group = newGroup();
    const log = new KafkaLog({
      kafka: test.kafka,
      members: new GroupMembers(),
      instance: 'test',
      telemetry: silentTelemetry,
    });
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

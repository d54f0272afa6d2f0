import { setTimeout as sleep } from 'node:timers/promises';
import { GroupMembers } from '../../../src/kafka/group-members.ts';
import { KafkaIntake, type KafkaIntakeOptions } from '../../../src/kafka/intake.ts';
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

import { settlesWithin } from '../../../src/kafka/deadline.ts';
import { GroupMembers } from '../../../src/kafka/group-members.ts';
import { type Member, offsetsOf } from '../../../src/kafka/guards/transactional-offsets.ts';
import { KafkaLog } from '../../../src/kafka/kafka-log.ts';
import type { Task } from '../../../src/runtime/ports.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { GroupSeats } from '../../support/group-seat.ts';
import { startTestInfra } from '../../support/infra.ts';
import { type TestKafka, testKafka } from '../../support/kafka.ts';
import { until } from '../../support/until.ts';

type Infra = Awaited<ReturnType<typeof startTestInfra>>;

const PARTITIONS = 8;
/** Long enough for an answer that nothing holds up. */
const PENDING_MS = 1_000;
/** More than the broker takes. */
const METADATA_BYTES = 5_000;

let infra: Infra;
let test: TestKafka;
let seats: GroupSeats;
const logs: KafkaLog[] = [];

beforeAll(async () => {
  infra = await startTestInfra();
  test = await testKafka(infra.brokers);
  seats = new GroupSeats(test.kafka);
}, 120_000);

afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  await seats?.close();
  await test?.close();
  await infra?.stop();
}, 60_000);

interface Stage {
  readonly log: KafkaLog;
  readonly members: GroupMembers;
  readonly telemetry: RecordingTelemetry;
  readonly tasks: readonly Task[];
  readonly output: string;
}

let instances = 0;

function process(): Pick<Stage, 'log' | 'members' | 'telemetry'> {
  const members = new GroupMembers();
  const telemetry = new RecordingTelemetry();
  const log = new KafkaLog({ kafka: test.kafka, members, instance: `i${++instances}`, telemetry });
  logs.push(log);
  return { log, members, telemetry };
}

/** A process that has opened every partition of a topic of its own. */
async function stage(): Promise<Stage> {
  const [input, output] = [await test.topic({ partitions: PARTITIONS }), await test.topic()];
  const started = process();
  const tasks = Array.from({ length: PARTITIONS }, (_, partition) => ({
    group: `g-${input}`,
    topic: input,
    partition,
  }));
  await seats.take(`g-${input}`, started.members);
  for (const task of tasks) await started.log.open(task);
  return { ...started, tasks, output };
}

const says = (output: string, { partition }: Task, metadata = 'm') => ({
  outputs: [{ topic: output, key: null, value: Buffer.from(`of ${partition}`), partition: 0 }],
  nextOffset: 1,
  metadata,
});

const transactions = ({ telemetry }: Pick<Stage, 'telemetry'>): number =>
  telemetry.observations('postlane_transaction_duration_ms').length;

const seen = async (output: string): Promise<string[]> =>
  (await test.read(output, 0)).map(({ value }) => `${value}`).sort();

it('commits what comes together in one transaction', async () => {
  const given = await stage();
  const landed = await Promise.all(given.tasks.map((task) => given.log.commit(task, says(given.output, task))));
  expect(transactions(given)).toBe(1);
  expect(new Set(landed.map(([place]) => place?.offset)).size).toBe(PARTITIONS);
  expect(await seen(given.output)).toEqual(given.tasks.map(({ partition }) => `of ${partition}`));
});

it('lets one that can never land fail alone, as soon as the others try again', async () => {
  const { log, tasks, output } = await stage();
  const [poison, ...others] = tasks as [Task, ...Task[]];
  const first = await Promise.allSettled([
    log.commit(poison, says(output, poison, 'm'.repeat(METADATA_BYTES))),
    ...others.map((task) => log.commit(task, says(output, task))),
  ]);
  for (const outcome of first) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'KAFKA_COMMIT_UNKNOWN' } });
  }
  for (const task of tasks) expect(await log.open(task)).toEqual({ nextOffset: -1, metadata: '' });
  const again = await Promise.allSettled([
    log.commit(poison, says(output, poison, 'm'.repeat(METADATA_BYTES))),
    ...others.map((task) => log.commit(task, says(output, task))),
  ]);
  expect(again.map(({ status }) => status)).toEqual(['rejected', ...others.map(() => 'fulfilled')]);
  expect(await seen(output)).toEqual(others.map(({ partition }) => `of ${partition}`));
});

it('refuses a task that was opened as an earlier member, although this process is a member again', async () => {
  const { log, members, tasks, output } = await stage();
  const [task, other] = tasks as [Task, Task];
  await seats.take(task.group, process().members);
  await seats.take(task.group, members);
  await expect(log.commit(task, says(output, task))).rejects.toMatchObject({ code: 'TASK_MIGRATED' });
  await log.open(other);
  await log.commit(other, says(output, other));
  expect(await seen(output)).toEqual([`of ${other.partition}`]);
});

it('leaves nothing pending when its group has gone on: others read on at once', async () => {
  const { log, tasks, output } = await stage();
  const [task] = tasks as [Task];
  const successor = process();
  await seats.take(task.group, successor.members);
  await expect(log.commit(task, says(output, task))).rejects.toMatchObject({ code: 'TASK_MIGRATED' });
  await successor.log.open(task);
  await successor.log.commit(task, says(output, task));
  await until('the successor to be read', async () => (await seen(output)).length === 1);
});

it('withdraws what a task that was let go still waited to write', async () => {
  const { log, tasks, output } = await stage();
  const [first, second] = tasks as [Task, Task];
  const underWay = log.commit(first, says(output, first));
  const waiting = log.commit(second, says(output, second));
  await log.retire(second);
  await expect(waiting).rejects.toMatchObject({ code: 'KAFKA_COMMIT_UNKNOWN' });
  await underWay;
  expect(await seen(output)).toEqual([`of ${first.partition}`]);
});

it('waits for a position that an earlier owner is about to move', async () => {
  const { members, tasks, output } = await stage();
  const [task] = tasks as [Task];
  const slow = test.kafka.transactional({
    transactionalId: `${task.group}.slow`,
    transactionTimeoutMs: 60_000,
    requestTimeoutMs: 10_000,
  });
  await slow.client.connect();
  const transaction = await slow.client.transaction();
  await transaction.send({ topic: output, messages: [{ key: null, value: 'late', partition: 0 }] });
  const partitions = [{ partition: task.partition, offset: '7', metadata: 'late' }];
  const topics = offsetsOf([{ topic: task.topic, partitions }], members.of(task.group) as Member);
  await transaction.sendOffsets({ consumerGroupId: task.group, topics });

  const successor = process();
  await seats.take(task.group, successor.members);
  const opening = successor.log.open(task);
  expect(await settlesWithin(opening, PENDING_MS)).toBe(false);
  await transaction.commit();
  expect(await opening).toEqual({ nextOffset: 7, metadata: 'late' });
  await slow.client.disconnect();
});

import { isPostlaneError } from '../../../src/domain/error.ts';
import { systemClock } from '../../../src/host/clock.ts';
import { GroupMembers } from '../../../src/kafka/group-members.ts';
import { KafkaIntake } from '../../../src/kafka/intake.ts';
import { KafkaLog } from '../../../src/kafka/kafka-log.ts';
import { Publisher } from '../../../src/kafka/publisher.ts';
import { ViewFollower } from '../../../src/kafka/view-follower.ts';
import type { Task } from '../../../src/runtime/ports.ts';
import { GroupSeats } from '../../support/group-seat.ts';
import { startTestInfra } from '../../support/infra.ts';
import { silentTelemetry, type TestKafka, testKafka } from '../../support/kafka.ts';
import { until } from '../../support/until.ts';

type Infra = Awaited<ReturnType<typeof startTestInfra>>;

let infra: Infra;
let test: TestKafka;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  infra = await startTestInfra({ own: true });
  test = await testKafka(infra.brokers);
}, 180_000);

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
}, 60_000);

afterAll(async () => {
  await test?.close();
  await infra?.stop();
}, 60_000);

const record = (topic: string, value: string) => ({ topic, partition: 0, key: 'k', value: Buffer.from(value) });
const valuesOf = async (topic: string) => (await test.read(topic, 0)).map(({ value }) => `${value}`);

function newLog(commitTimeoutMs: number, members = new GroupMembers()): KafkaLog {
  const log = new KafkaLog({
    kafka: test.kafka,
    members,
    instance: 'test',
    telemetry: silentTelemetry,
    commitTimeoutMs,
  });
  stops.push(() => log.close());
  return log;
}

/** What a caller does who must get it through. */
async function persist<T>(call: () => Promise<T>): Promise<T> {
  let result: { readonly value: T } | null = null;
  await until('a call to get through', async () => {
    result = await call().then(
      (value) => ({ value }),
      () => null,
    );
    return result !== null;
  });
  return (result as unknown as { readonly value: T }).value;
}

describe('a broker that stops answering', () => {
  it('leaves a commit unknown, in time, and the next fence tells what became of it', async () => {
    const topic = await test.topic();
    const task: Task = { group: `faults-${topic}`, topic, partition: 0 };
    const log = newLog(2_000);
    await persist(() => log.open(task));
    await log.commit(task, { outputs: [record(topic, 'before')], nextOffset: 1, metadata: 'before' });
    await infra.killBroker('SIGSTOP');
    const hanging = { outputs: [record(topic, 'hanging')], nextOffset: 2, metadata: 'hanging' };
    const outcome = await log.commit(task, hanging).catch((error: unknown) => error);
    await infra.killBroker('SIGCONT');
    expect(outcome).toMatchObject({ code: 'KAFKA_COMMIT_UNKNOWN' });
    await log.retire(task);
    const { metadata } = await persist(() => log.open(task));
    // Whichever it was: the position and the records tell the same.
    expect(await valuesOf(topic)).toEqual(metadata === 'hanging' ? ['before', 'hanging'] : ['before']);
  });
});

describe('a broker that stops answering a declaration', () => {
  it('leaves it astray, and the task closed until the group has gone on; then it changes nothing any more', async () => {
    const topic = await test.topic();
    const task: Task = { group: `faults-${topic}`, topic, partition: 0 };
    const members = new GroupMembers();
    const seats = new GroupSeats(test.kafka);
    stops.push(() => seats.close());
    await seats.take(task.group, members);
    const log = newLog(2_000, members);
    await persist(() => log.open(task));
    await log.declare(task, { nextOffset: 1, metadata: 'before' });
    await infra.killBroker('SIGSTOP');
    const hanging = await log.declare(task, { nextOffset: 1, metadata: 'hanging' }).catch((error: unknown) => error);
    await infra.killBroker('SIGCONT');
    expect(hanging).toMatchObject({ code: 'KAFKA_COMMIT_STRAY' });
    await log.retire(task);
    await expect(log.open(task)).rejects.toMatchObject({ code: 'TASK_MIGRATED' });
    // Whoever sits there next, this process itself included, is of another generation.
    await seats.take(task.group, new GroupMembers());
    await seats.take(task.group, members);
    const { metadata } = await persist(() => log.open(task));
    expect(['before', 'hanging']).toContain(metadata);
    await log.declare(task, { nextOffset: 2, metadata: 'after' });
    expect(await log.open(task)).toEqual({ nextOffset: 2, metadata: 'after' });
  });
});

describe('a broker that acknowledges nothing', () => {
  it('is not waited for by further calls of a publisher, of which nothing is sent, until it acknowledges again', async () => {
    const topic = await test.topic();
    const publisher = new Publisher({ kafka: test.kafka, deliveryTimeoutMs: 20_000, stallMs: 200 });
    stops.push(() => publisher.close());
    await publisher.append([record(topic, 'before')]);
    await infra.killBroker('SIGSTOP');
    const calls: Promise<unknown>[] = [];
    const refused: string[] = [];
    await until('calls to be refused', async () => {
      const value = `call ${calls.length}`;
      const call = publisher.append([record(topic, value)]).catch((error: unknown) => {
        if (isPostlaneError(error, 'KAFKA_UNAVAILABLE') && error.facts.sent === false) refused.push(value);
      });
      calls.push(call);
      await new Promise(setImmediate);
      return refused.length === 3;
    });
    await infra.killBroker('SIGCONT');
    await Promise.all(calls);
    await persist(() => publisher.append([record(topic, 'after')]));
    const values = await valuesOf(topic);
    expect(values).toContain('after');
    expect(calls.length).toBeGreaterThan(refused.length);
    for (const value of refused) expect(values).not.toContain(value);
  });
});

describe('a broker that is killed and comes back', () => {
  it('is found again by everyone, and nothing that was acknowledged is lost', async () => {
    const topic = await test.topic({ config: { 'cleanup.policy': 'compact' } });
    const group = `faults-${topic}`;
    const seen: string[] = [];
    const rows = new Set<string>();
    const publisher = new Publisher({ kafka: test.kafka, deliveryTimeoutMs: 3_000 });
    const log = newLog(5_000);
    const intake = new KafkaIntake({
      kafka: test.kafka,
      group,
      members: new GroupMembers(),
      topics: [topic],
      telemetry: silentTelemetry,
    });
    const checkpoints = new Map<number, number>();
    const view = new ViewFollower({
      kafka: test.kafka,
      topic,
      clock: systemClock,
      telemetry: silentTelemetry,
      store: {
        checkpoint: (partition) => checkpoints.get(partition) ?? 0,
        apply: (partition, records, nextOffset) => {
          for (const { value } of records) rows.add(`${value}`);
          checkpoints.set(partition, nextOffset);
        },
        reset: () => undefined,
      },
    });
    stops.push(
      () => publisher.close(),
      () => intake.stop(),
      () => view.stop(),
    );
    await intake.start({
      assigned: async () => undefined,
      revoking: async () => undefined,
      batch: async (_, records) => {
        for (const { value } of records) seen.push(`${value}`);
        return (records.at(-1)?.offset ?? 0) + 1;
      },
    });
    await view.start();
    const task: Task = { group: `${group}-log`, topic, partition: 0 };
    await persist(() => log.open(task));
    await log.commit(task, { outputs: [record(topic, 'committed before')], nextOffset: 1, metadata: 'before' });
    await publisher.append([record(topic, 'published before')]);
    await infra.killBroker('SIGKILL');
    await expect(publisher.append([record(topic, 'lost')])).rejects.toMatchObject({ code: 'KAFKA_UNAVAILABLE' });
    await infra.startBroker();
    await persist(() => publisher.append([record(topic, 'published after')]));
    await log.retire(task);
    expect(await persist(() => log.open(task))).toEqual({ nextOffset: 1, metadata: 'before' });
    await log.commit(task, { outputs: [record(topic, 'committed after')], nextOffset: 2, metadata: 'after' });
    const all = ['committed before', 'published before', 'published after', 'committed after'];
    await until('the view', () => all.every((value) => rows.has(value)));
    await until('the group member', () => all.every((value) => seen.includes(value)), 60_000);
    const startedAt = Date.now();
    await until('a view that is current again', () => Date.now() - view.stalenessMs() > startedAt);
  }, 180_000);
});

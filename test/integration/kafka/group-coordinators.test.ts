import { GroupCoordinators } from '../../../src/kafka/group-coordinators.ts';
import { startTestInfra } from '../../support/infra.ts';
import { type TestKafka, testKafka } from '../../support/kafka.ts';

let infra: Awaited<ReturnType<typeof startTestInfra>>;
let test: TestKafka;
let coordinators: GroupCoordinators;
let lookUps: number;

beforeAll(async () => {
  infra = await startTestInfra();
  test = await testKafka(infra.brokers);
}, 120_000);
afterAll(async () => {
  await test?.close();
  await infra?.stop();
}, 60_000);
beforeEach(() => {
  lookUps = 0;
  coordinators = new GroupCoordinators({
    cluster() {
      const connection = test.kafka.cluster();
      const { client } = connection;
      const find = client.findGroupCoordinator.bind(client);
      client.findGroupCoordinator = (request) => {
        lookUps++;
        return find(request);
      };
      return connection;
    },
  });
});
afterEach(() => coordinators.close());

it('looks once for those who ask at the same time, and remembers what it found', async () => {
  const [first, second] = await Promise.all([coordinators.of('g'), coordinators.of('g')]);
  expect(second).toBe(first);
  expect(first.isConnected()).toBe(true);
  expect(await coordinators.of('g')).toBe(first);
  expect(lookUps).toBe(1);
});

it('connects anew where the coordinator that it knows is connected no more, and after it was closed', async () => {
  const before = await coordinators.of('g');
  await before.disconnect();
  const anew = await coordinators.of('g');
  expect(anew).not.toBe(before);
  expect(anew.isConnected()).toBe(true);
  coordinators.close();
  expect((await coordinators.of('g')).isConnected()).toBe(true);
});

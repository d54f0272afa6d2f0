import { countBrokers, parseAddress } from '../../src/infra/probes.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { withInfra } from '../support/infra.ts';

describe('a native cluster of three', () => {
  const infra = withInfra({ own: true, provider: 'native', nodes: 3 });
  const addressOf = (broker: number) => {
    const address = parseAddress(String(infra().brokers[broker - 1]));
    if (address === undefined) throw new Error('not an address');
    return address;
  };
  const untilCounted = (broker: number, count: number) =>
    waitFor(
      `${count} brokers in the eyes of broker ${broker}`,
      async () => ((await countBrokers(addressOf(broker))) === count ? true : undefined),
      { deadlineMs: 30_000 },
    );

  it('loses a broker that is killed, goes on, and takes it back', async () => {
    expect(infra().brokers).toHaveLength(3);
    for (const broker of [1, 2, 3]) await untilCounted(broker, 3);
    await infra().killBroker('SIGKILL', 2);
    await untilCounted(1, 2);
    await untilCounted(3, 2);
    await infra().startBroker(2);
    for (const broker of [1, 2, 3]) await untilCounted(broker, 3);
  }, 120_000);

  it('fences a broker that is suspended, until it is continued', async () => {
    await infra().killBroker('SIGSTOP', 3);
    await untilCounted(1, 2);
    await infra().killBroker('SIGCONT', 3);
    await untilCounted(1, 3);
  }, 60_000);
});

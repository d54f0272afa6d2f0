import { type Simulator, startSimulator } from '../../../src/testing/simulator/index.ts';
import { courierWith, failure, limits, mailbox, mailOf, sourceAt } from './fixtures.ts';

describe('a route that closes', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator();
  });
  afterAll(() => simulator.stop());

  it('ends what waits for its turn untouched, and lets what has begun come to its end', async () => {
    const courier = courierWith();
    const closing = new AbortController();
    const source = sourceAt(simulator.smtpPort, { connectionsMax: 1 });
    const to = mailbox('slow-300@inbox.example');
    const route = { source, site: 'inbox.example', limits, closing: closing.signal };
    const outcomes = Array.from({ length: 20 }, () => courier.deliver(mailOf({ to }), route));
    // The first one's message is taken; its reply comes later.
    for (const end = Date.now() + 10_000; simulator.journal().length === 0 && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    closing.abort();
    const [first, ...waiting] = await Promise.all(outcomes);
    expect(first?.kind).toBe('accepted');
    expect(waiting).toEqual(waiting.map(() => expect.objectContaining(failure('connect', 'aborted'))));
    expect(simulator.journal()).toHaveLength(1);
    await courier.close({ withinMs: 0 });
  }, 30_000);
});

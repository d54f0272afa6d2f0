import type { DeliveryOutcome } from '../../../src/domain/reply.ts';
import type { Courier } from '../../../src/smtp/mail.ts';
import { courierWith, directoryOf, eventually, limits, named, sourceAt } from './fixtures.ts';
import { greet, type Peer, type RawServer, rawServer, takeMail, willing } from './raw-server.ts';

let server: RawServer | null = null;
let courier: Courier;
afterEach(async () => {
  await courier.close({ withinMs: 0 });
  await server?.close();
  server = null;
});

const kinds = (outcomes: readonly DeliveryOutcome[]): string[] => outcomes.map(({ kind }) => kind);

describe('connections', () => {
  it('are reused one after the other', async () => {
    const taken: string[] = [];
    server = await rawServer(willing(taken));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    for (let index = 0; index < 5; index++) await courier.deliver(named(`m${index}`), route);
    expect([taken.length, server.connections]).toEqual([5, 1]);
  });

  it('carry no more mails than they may', async () => {
    server = await rawServer(willing([]));
    courier = courierWith();
    const route = { source: sourceAt(server.port, { messagesPerConnectionMax: 2 }), site: 'google', limits };
    for (let index = 0; index < 5; index++) await courier.deliver(named(`m${index}`), route);
    expect(server.connections).toBe(3);
  });

  it('of a relay serve every site; those of a direct source one', async () => {
    server = await rawServer(willing([]));
    courier = courierWith({ directory: directoryOf('127.0.0.1') });
    for (const mode of ['relay', 'direct'] as const) {
      const source = sourceAt(server.port, { name: mode, mode });
      for (const site of ['google', 'yahoo', 'google']) await courier.deliver(named(site), { source, site, limits });
    }
    expect(server.connections).toBe(1 + 2);
  });

  it('are no more than a site and a source allow, and the rest waits its turn', async () => {
    const taken: string[] = [];
    let open = 0;
    let openMax = 0;
    const release: (() => void)[] = [];
    server = await rawServer(
      willing(taken, async () => {
        open += 1;
        openMax = Math.max(openMax, open);
        await new Promise<void>((resolve) => release.push(resolve));
        open -= 1;
      }),
    );
    courier = courierWith();
    const source = sourceAt(server.port, { connectionsMax: 3 });
    const two = { ...limits, connectionsMax: 2 };
    const google = ['a', 'b', 'c'].map((name) => courier.deliver(named(name), { source, site: 'google', limits: two }));
    const yahoo = ['d', 'e'].map((name) => courier.deliver(named(name), { source, site: 'yahoo', limits: two }));
    await eventually(() => release.length === 3);
    expect([courier.capacity(source, 'google', two), courier.capacity(source, 'yahoo', two)]).toEqual([0, 0]);
    const outcomes = Promise.all([...google, ...yahoo]);
    for (let done = 0; done < 5; done++) {
      await eventually(() => release.length > 0);
      release.shift()?.();
    }
    expect(kinds(await outcomes)).toEqual(Array(5).fill('accepted'));
    expect([openMax, server.connections]).toEqual([3, 3]);
    expect(courier.capacity(source, 'google', two)).toBe(2);
  });

  it('that were idle too long are closed with QUIT', async () => {
    const lines: (string | null)[] = [];
    server = await rawServer(async (peer) => {
      await greet(peer);
      await takeMail(peer);
      lines.push(await peer.line());
    });
    courier = courierWith({ idleMs: 20 });
    await courier.deliver(named('m'), { source: sourceAt(server.port), site: 'google', limits });
    await eventually(() => lines.length > 0);
    expect(lines).toEqual(['QUIT']);
  });

  it('of another site make room when a direct source has no more', async () => {
    server = await rawServer(willing([]));
    courier = courierWith({ directory: directoryOf('127.0.0.1') });
    const source = sourceAt(server.port, { mode: 'direct', connectionsMax: 1 });
    const sites = ['google', 'yahoo', 'google'];
    for (const site of sites) {
      expect(await courier.deliver(named(site), { source, site, limits })).toMatchObject({ kind: 'accepted' });
    }
    expect(server.connections).toBe(3);
  });

  it('of a direct source go to the next exchanger where the first is gone', async () => {
    const gone = await rawServer(async () => {});
    await gone.close();
    server = await rawServer(willing([]));
    courier = courierWith({ directory: directoryOf('no-such-host.invalid', '127.0.0.1') });
    const source = sourceAt(server.port, { mode: 'direct' });
    expect(await courier.deliver(named('m'), { source, site: 'google', limits })).toMatchObject({ kind: 'accepted' });
  });
});

describe('a connection that died while it was idle', () => {
  const dies =
    (last: (peer: Peer) => unknown, taken: string[]) =>
    async (peer: Peer, connection: number): Promise<void> => {
      if (connection > 1) return willing(taken)(peer);
      await greet(peer);
      taken.push((await takeMail(peer)) ?? '');
      await last(peer);
    };

  it('is noticed before the next mail', async () => {
    const taken: string[] = [];
    server = await rawServer(dies((peer) => peer.socket.end('421 idle too long\r\n'), taken));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    await courier.deliver(named('first'), route);
    expect(await courier.deliver(named('second'), route)).toMatchObject({ kind: 'accepted' });
    expect([taken.length, server.connections]).toEqual([2, 2]);
  });

  it.each([
    [
      'resets at MAIL',
      async (peer: Peer): Promise<void> => {
        await peer.line();
        peer.reset();
      },
    ],
    [
      'answers MAIL with 421',
      async (peer: Peer): Promise<void> => {
        await peer.line();
        peer.send('421 4.4.2 idle too long\r\n');
      },
    ],
  ] as const)('and %s costs the mail nothing: it goes over a fresh one, once', async (_, last) => {
    const taken: string[] = [];
    server = await rawServer(dies(last, taken));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    await courier.deliver(named('first'), route);
    expect(await courier.deliver(named('second'), route)).toMatchObject({ kind: 'accepted' });
    expect([taken.length, server.connections]).toEqual([2, 2]);
  });

  it('after the reply to MAIL is a failure like any other', async () => {
    server = await rawServer(async (peer, connection) => {
      await greet(peer);
      if (connection === 1) await takeMail(peer);
      await peer.line();
      peer.socket.write('250 ok\r\n', () => setImmediate(() => peer.reset()));
    });
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    await courier.deliver(named('first'), route);
    const outcome = await courier.deliver(named('second'), route);
    // A reset may overtake the reply to MAIL; then a fresh connection fails the same way, at RCPT or at MAIL.
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'reset', afterDot: false });
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  it('on a fresh connection is not tried again', async () => {
    server = await rawServer(async (peer) => {
      await greet(peer);
      await peer.line();
      peer.reset();
    });
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    expect(await courier.deliver(named('m'), route)).toMatchObject({ kind: 'failed', stage: 'mail', reason: 'reset' });
    expect(server.connections).toBe(1);
  });

  it('after the dot is never tried again', async () => {
    const taken: string[] = [];
    server = await rawServer(async (peer, connection) => {
      await greet(peer);
      if (connection === 1) taken.push((await takeMail(peer)) ?? '');
      for (const reply of ['250 ok', '250 ok', '354 go on']) {
        await peer.line();
        peer.send(`${reply}\r\n`);
      }
      taken.push((await peer.message()) ?? '');
      peer.reset();
    });
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    await courier.deliver(named('first'), route);
    expect(await courier.deliver(named('second'), route)).toMatchObject({
      kind: 'failed',
      stage: 'dot',
      afterDot: true,
    });
    expect([taken.length, server.connections]).toEqual([2, 1]);
  });
});

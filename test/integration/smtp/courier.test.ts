import type { Courier } from '../../../src/smtp/mail.ts';
import { courierWith, eventually, limits, mailOf, named, sourceAt } from './fixtures.ts';
import { greet, type Peer, type RawServer, rawServer, willing } from './raw-server.ts';

let server: RawServer | null = null;
let courier: Courier;
afterEach(async () => {
  await courier.close({ withinMs: 0 });
  await server?.close();
  server = null;
});

describe('an attempt that is ended from outside', () => {
  /** Hangs at a stage. */
  const hangs = (at: 'greeting' | 'mail' | 'dot', reached: () => void) => async (peer: Peer) => {
    if (at !== 'greeting') await greet(peer);
    if (at === 'mail') await peer.line();
    if (at === 'dot') {
      for (const reply of ['250 ok', '250 ok', '354 go on']) {
        await peer.line();
        peer.send(`${reply}\r\n`);
      }
      await peer.message();
    }
    reached();
    await new Promise((resolve) => peer.socket.once('close', resolve));
  };

  it.each(['greeting', 'mail', 'dot'] as const)('says how far it had come: %s', async (stage) => {
    const control = new AbortController();
    server = await rawServer(hangs(stage, () => control.abort()));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits, signal: control.signal };
    const outcome = await courier.deliver(named('m'), route);
    // The greeting is awaited as soon as the connection stands; the server may know of that first.
    const early = stage === 'greeting' && outcome.kind === 'failed' && outcome.stage === 'connect';
    expect(outcome).toMatchObject({
      kind: 'failed',
      stage: early ? 'connect' : stage,
      reason: 'aborted',
      afterDot: stage === 'dot',
    });
    expect(courier.circuits(route.source, 'google')).toEqual({ source: null, site: null, trial: false });
    expect(courier.capacity(route.source, 'google', limits)).toBe(limits.connectionsMax);
  });

  it('while it waits for a connection has tried nothing, and frees its place', async () => {
    const waiting: (() => void)[] = [];
    server = await rawServer(willing([], () => new Promise((resolve) => waiting.push(resolve))));
    courier = courierWith();
    const one = { source: sourceAt(server.port, { connectionsMax: 1 }), site: 'google', limits };
    const first = courier.deliver(named('first'), one);
    await eventually(() => waiting.length > 0);
    const control = new AbortController();
    const second = courier.deliver(named('second'), { ...one, signal: control.signal });
    control.abort();
    expect(await second).toMatchObject({ kind: 'failed', stage: 'connect', reason: 'aborted' });
    waiting.shift()?.();
    expect(await first).toMatchObject({ kind: 'accepted' });
    expect(courier.capacity(one.source, 'google', limits)).toBe(1);
  });

  it('before it began is not made', async () => {
    server = await rawServer(willing([]));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits, signal: AbortSignal.abort() };
    expect(await courier.deliver(named('m'), route)).toMatchObject({ kind: 'failed', reason: 'aborted' });
    expect(server.connections).toBe(0);
  });
});

describe('closing', () => {
  it('lets what is under way settle, and takes nothing more', async () => {
    const finish: (() => void)[] = [];
    server = await rawServer(willing([], () => new Promise((resolve) => finish.push(resolve))));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    const under = courier.deliver(named('m'), route);
    await eventually(() => finish.length > 0);
    const closed = courier.close({ withinMs: 10_000 });
    expect(await courier.deliver(named('late'), route)).toMatchObject({ kind: 'failed', reason: 'stopped' });
    finish.shift()?.();
    expect(await under).toMatchObject({ kind: 'accepted' });
    await closed;
    await courier.close({ withinMs: 0 });
  });

  it('ends what does not settle in time', async () => {
    server = await rawServer(willing([], () => new Promise(() => {})));
    courier = courierWith();
    const route = { source: sourceAt(server.port, { connectionsMax: 1 }), site: 'google', limits };
    const under = courier.deliver(named('m'), route);
    const waiting = courier.deliver(named('n'), route);
    await eventually(() => (server?.connections ?? 0) === 1);
    await courier.close({ withinMs: 50 });
    expect(await under).toMatchObject({ kind: 'failed', reason: 'aborted' });
    expect(await waiting).toMatchObject({ kind: 'failed', stage: 'connect', reason: 'stopped' });
  });

  it('leaves no timer that would keep the process alive', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    server = await rawServer(async (peer) => {
      await greet(peer);
      for (const reply of ['250 ok', '250 ok', '354 go on']) {
        await peer.line();
        peer.send(`${reply}\r\n`);
      }
      peer.socket.pause();
      peer.reset();
    });
    courier = courierWith();
    const large = mailOf({ text: `Subject: large\r\n\r\n${'x\r\n'.repeat(4_000_000)}` });
    const outcome = await courier.deliver(large, { source: sourceAt(server.port), site: 'google', limits });
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'body' });
    await courier.close({ withinMs: 0 });
    await eventually(() => timers() <= before);
  });
});

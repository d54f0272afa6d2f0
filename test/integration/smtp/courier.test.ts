import type { DeliveryOutcome } from '../../../src/domain/reply.ts';
import type { Courier } from '../../../src/smtp/mail.ts';
import { courierWith, eventually, limits, mailbox, mailOf, sourceAt } from './fixtures.ts';
import { greet, type Peer, type RawServer, rawServer, takeMail } from './raw-server.ts';

let server: RawServer | null = null;
let courier: Courier;
afterEach(async () => {
  await courier.close({ withinMs: 0 });
  await server?.close();
  server = null;
});

/** Takes mails as long as they come; `hold` is awaited before each reply to the dot. */
const willing =
  (taken: string[], hold: () => Promise<void> = async () => {}) =>
  async (peer: Peer): Promise<void> => {
    await greet(peer);
    for (;;) {
      for (const reply of ['250 ok', '250 ok', '354 go on']) {
        const line = await peer.line();
        if (line === null || line === 'QUIT') return void peer.socket.end();
        peer.send(`${reply}\r\n`);
      }
      const message = await peer.message();
      if (message === null) return;
      await hold();
      taken.push(message);
      peer.send('250 taken\r\n');
    }
  };

const kinds = (outcomes: readonly DeliveryOutcome[]): string[] => outcomes.map(({ kind }) => kind);
const mail = (name: string) => mailOf({ text: `Subject: ${name}\r\n\r\n` });

describe('connections', () => {
  it('are reused one after the other', async () => {
    const taken: string[] = [];
    server = await rawServer(willing(taken));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    for (let index = 0; index < 5; index++) await courier.deliver(mail(`m${index}`), route);
    expect([taken.length, server.connections]).toEqual([5, 1]);
  });

  it('carry no more mails than they may', async () => {
    server = await rawServer(willing([]));
    courier = courierWith();
    const route = { source: sourceAt(server.port, { messagesPerConnectionMax: 2 }), site: 'google', limits };
    for (let index = 0; index < 5; index++) await courier.deliver(mail(`m${index}`), route);
    expect(server.connections).toBe(3);
  });

  it('of a relay serve every site; those of a direct source one', async () => {
    server = await rawServer(willing([]));
    courier = courierWith({ exchangers: async () => ['127.0.0.1'] });
    for (const mode of ['relay', 'direct'] as const) {
      const source = sourceAt(server.port, { name: mode, mode });
      for (const site of ['google', 'yahoo', 'google']) await courier.deliver(mail(site), { source, site, limits });
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
    const google = ['a', 'b', 'c'].map((name) => courier.deliver(mail(name), { source, site: 'google', limits: two }));
    const yahoo = ['d', 'e'].map((name) => courier.deliver(mail(name), { source, site: 'yahoo', limits: two }));
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
    await courier.deliver(mail('m'), { source: sourceAt(server.port), site: 'google', limits });
    await eventually(() => lines.length > 0);
    expect(lines).toEqual(['QUIT']);
  });

  it('of another site make room when a direct source has no more', async () => {
    server = await rawServer(willing([]));
    courier = courierWith({ exchangers: async () => ['127.0.0.1'] });
    const source = sourceAt(server.port, { mode: 'direct', connectionsMax: 1 });
    const sites = ['google', 'yahoo', 'google'];
    for (const site of sites) {
      expect(await courier.deliver(mail(site), { source, site, limits })).toMatchObject({ kind: 'accepted' });
    }
    expect(server.connections).toBe(3);
  });

  it('of a direct source go to the next exchanger where the first is gone', async () => {
    const gone = await rawServer(async () => {});
    await gone.close();
    server = await rawServer(willing([]));
    courier = courierWith({ exchangers: async () => ['no-such-host.invalid', '127.0.0.1'] });
    const source = sourceAt(server.port, { mode: 'direct' });
    expect(await courier.deliver(mail('m'), { source, site: 'google', limits })).toMatchObject({ kind: 'accepted' });
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
    await courier.deliver(mail('first'), route);
    expect(await courier.deliver(mail('second'), route)).toMatchObject({ kind: 'accepted' });
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
    await courier.deliver(mail('first'), route);
    expect(await courier.deliver(mail('second'), route)).toMatchObject({ kind: 'accepted' });
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
    await courier.deliver(mail('first'), route);
    const outcome = await courier.deliver(mail('second'), route);
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
    expect(await courier.deliver(mail('m'), route)).toMatchObject({ kind: 'failed', stage: 'mail', reason: 'reset' });
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
    await courier.deliver(mail('first'), route);
    expect(await courier.deliver(mail('second'), route)).toMatchObject({
      kind: 'failed',
      stage: 'dot',
      afterDot: true,
    });
    expect([taken.length, server.connections]).toEqual([2, 1]);
  });
});

describe('the circuit', () => {
  const options = { circuit: { failures: 3, resetMs: 150 } };
  const CLOSED = { source: null, site: null, trial: false };

  /** Answers every RCPT with the reply of its site, and takes what is left. */
  const bySite = (replies: Map<string, string>) => async (peer: Peer) => {
    await greet(peer, []);
    for (let line = await peer.line(); line !== null; line = await peer.line()) {
      const site = /^RCPT TO:<.*@(.*)\.test>/.exec(line)?.[1];
      if (line === 'DATA') {
        peer.send('354 go on\r\n');
        await peer.message();
      }
      peer.send(`${replies.get(site ?? '') ?? '250 ok'}\r\n`);
    }
  };
  const mailTo = (site: string) => mailOf({ to: mailbox(`user@${site}.test`) });

  it('opens after failures in a row, lets one trial through when its time is over, and closes when that succeeds', async () => {
    let healthy = false;
    const inTrial: (() => void)[] = [];
    const hold = () => new Promise<void>((resolve) => inTrial.push(resolve));
    server = await rawServer(async (peer) => {
      if (healthy) await willing([], hold)(peer);
      else peer.socket.end('421 4.3.2 not now\r\n');
    });
    courier = courierWith(options);
    const source = sourceAt(server.port);
    const deliver = (site = 'google') => courier.deliver(mail('m'), { source, site, limits });
    for (let index = 0; index < 3; index++) {
      expect(courier.circuits(source, 'google')).toEqual(CLOSED);
      expect(await deliver()).toMatchObject({ kind: 'refused', stage: 'greeting', reply: { code: 421 } });
    }
    expect(courier.circuits(source, 'google')).toEqual({ source: expect.any(Number), site: null, trial: false });
    expect(courier.capacity(source, 'google', limits)).toBe(0);
    const { connections } = server;
    expect(await deliver()).toMatchObject({ kind: 'failed', reason: 'circuit-open', afterDot: false });
    // A relay that lets nobody in is one thing that is broken, whoever the mail is for.
    expect(await deliver('yahoo')).toMatchObject({ kind: 'failed', reason: 'circuit-open' });
    expect(server.connections).toBe(connections);

    healthy = true;
    await eventually(() => courier.circuits(source, 'google').trial);
    expect(courier.capacity(source, 'google', limits)).toBe(1);
    const trial = deliver();
    await eventually(() => inTrial.length > 0);
    expect(await deliver()).toMatchObject({ kind: 'failed', reason: 'circuit-open' });
    expect(courier.circuits(source, 'google').source).not.toBeNull();
    inTrial.shift()?.();
    expect(await trial).toMatchObject({ kind: 'accepted' });
    expect(courier.circuits(source, 'google')).toEqual(CLOSED);
  });

  it('opens again when the trial fails', async () => {
    server = await rawServer(async (peer) => void peer.socket.end('554 go away\r\n'));
    courier = courierWith(options);
    const source = sourceAt(server.port);
    const deliver = () => courier.deliver(mail('m'), { source, site: 'google', limits });
    for (let index = 0; index < 3; index++) await deliver();
    await eventually(() => courier.circuits(source, 'google').trial);
    expect(await deliver()).toMatchObject({ kind: 'refused', stage: 'greeting' });
    expect(courier.circuits(source, 'google').source).not.toBeNull();
    expect(await deliver()).toMatchObject({ reason: 'circuit-open' });
  });

  it('of a site behind a relay is its own: 421 to a recipient stops no other site', async () => {
    const replies = new Map([['google', '421 4.7.28 too much']]);
    server = await rawServer(bySite(replies));
    courier = courierWith(options);
    const source = sourceAt(server.port);
    const deliver = (site: string) => courier.deliver(mailTo(site), { source, site, limits });
    for (let index = 0; index < 3; index++) {
      expect(await deliver('google')).toMatchObject({ kind: 'refused', stage: 'rcpt', reply: { code: 421 } });
    }
    expect(courier.circuits(source, 'google')).toEqual({ source: null, site: expect.any(Number), trial: false });
    expect(await deliver('google')).toMatchObject({ reason: 'circuit-open' });
    expect(courier.circuits(source, 'yahoo')).toEqual(CLOSED);
    expect(await deliver('yahoo')).toMatchObject({ kind: 'accepted' });
  });

  it('of a relay is not tried out with a mail whose site is closed off', async () => {
    const held: (() => void)[] = [];
    server = await rawServer(async (peer, connection) => {
      if (connection > 3) return void peer.socket.end('421 not now\r\n');
      await greet(peer);
      await peer.line();
      await new Promise<void>((resolve) => held.push(resolve));
      peer.send('421 4.7.28 too much\r\n');
    });
    courier = courierWith({ circuit: { failures: 3, resetMs: 400 } });
    const source = sourceAt(server.port);
    const deliver = (site: string) => courier.deliver(mailTo(site), { source, site, limits });
    const google = [deliver('google'), deliver('google'), deliver('google')];
    await eventually(() => held.length === 3);
    for (let index = 0; index < 3; index++) await deliver('yahoo');
    // The site's circuit opens later than the relay's, and stays open for longer.
    await eventually(() => (courier.circuits(source, 'yahoo').source ?? 0) - Date.now() < 300);
    for (const release of held) release();
    await Promise.all(google);
    await eventually(() => courier.circuits(source, 'yahoo').trial);
    expect(await deliver('google')).toMatchObject({ reason: 'circuit-open' });
    expect(courier.circuits(source, 'yahoo')).toEqual({ source: null, site: null, trial: true });
  });

  it('does not mind what is said about mails and recipients', async () => {
    const replies = ['550 5.1.1 nobody', '451 later', '452 full', '554 spam'];
    const told = new Map<string, string>();
    server = await rawServer(bySite(told));
    courier = courierWith(options);
    const source = sourceAt(server.port);
    for (let index = 0; index < 12; index++) {
      told.set('google', replies[index % replies.length] as string);
      const outcome = await courier.deliver(mailTo('google'), { source, site: 'google', limits });
      expect(outcome).toMatchObject({ kind: 'refused', stage: 'rcpt' });
    }
    expect(courier.circuits(source, 'google')).toEqual(CLOSED);
  });

  it('is one per site where the source sends direct', async () => {
    server = await rawServer(async (peer) => void peer.socket.end('421 not now\r\n'));
    courier = courierWith({ ...options, exchangers: async () => ['127.0.0.1'] });
    const source = sourceAt(server.port, { mode: 'direct' });
    for (let index = 0; index < 3; index++) await courier.deliver(mail('m'), { source, site: 'google', limits });
    expect(courier.circuits(source, 'google')).toEqual({ source: null, site: expect.any(Number), trial: false });
    expect(courier.circuits(source, 'yahoo')).toEqual(CLOSED);
  });
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
    const outcome = await courier.deliver(mail('m'), route);
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
    const first = courier.deliver(mail('first'), one);
    await eventually(() => waiting.length > 0);
    const control = new AbortController();
    const second = courier.deliver(mail('second'), { ...one, signal: control.signal });
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
    expect(await courier.deliver(mail('m'), route)).toMatchObject({ kind: 'failed', reason: 'aborted' });
    expect(server.connections).toBe(0);
  });
});

describe('closing', () => {
  it('lets what is under way settle, and takes nothing more', async () => {
    const finish: (() => void)[] = [];
    server = await rawServer(willing([], () => new Promise((resolve) => finish.push(resolve))));
    courier = courierWith();
    const route = { source: sourceAt(server.port), site: 'google', limits };
    const under = courier.deliver(mail('m'), route);
    await eventually(() => finish.length > 0);
    const closed = courier.close({ withinMs: 10_000 });
    expect(await courier.deliver(mail('late'), route)).toMatchObject({ kind: 'failed', reason: 'stopped' });
    finish.shift()?.();
    expect(await under).toMatchObject({ kind: 'accepted' });
    await closed;
    await courier.close({ withinMs: 0 });
  });

  it('ends what does not settle in time', async () => {
    server = await rawServer(willing([], () => new Promise(() => {})));
    courier = courierWith();
    const route = { source: sourceAt(server.port, { connectionsMax: 1 }), site: 'google', limits };
    const under = courier.deliver(mail('m'), route);
    const waiting = courier.deliver(mail('n'), route);
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

import type { Courier } from '../../../src/smtp/mail.ts';
import { courierWith, directoryOf, eventually, limits, mailbox, mailOf, named, sourceAt } from './fixtures.ts';
import { greet, type Peer, type RawServer, rawServer, willing } from './raw-server.ts';

let server: RawServer | null = null;
let courier: Courier;
afterEach(async () => {
  await courier.close({ withinMs: 0 });
  await server?.close();
  server = null;
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
    const deliver = (site = 'google') => courier.deliver(named('m'), { source, site, limits });
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
    const deliver = () => courier.deliver(named('m'), { source, site: 'google', limits });
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
    courier = courierWith({ circuit: { failures: 3, resetMs: 3_000 } });
    const source = sourceAt(server.port);
    const deliver = (site: string) => courier.deliver(mailTo(site), { source, site, limits });
    const google = [deliver('google'), deliver('google'), deliver('google')];
    await eventually(() => held.length === 3);
    for (let index = 0; index < 3; index++) await deliver('yahoo');
    // The site's circuit opens later than the relay's, and stays open for longer.
    await eventually(() => (courier.circuits(source, 'yahoo').source ?? 0) - Date.now() < 2_000);
    for (const release of held) release();
    await Promise.all(google);
    await eventually(() => courier.circuits(source, 'yahoo').trial);
    expect(await deliver('google')).toMatchObject({ reason: 'circuit-open' });
    expect(courier.circuits(source, 'yahoo')).toEqual({ source: null, site: null, trial: true });
  }, 20_000);

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
    courier = courierWith({ ...options, directory: directoryOf('127.0.0.1') });
    const source = sourceAt(server.port, { mode: 'direct' });
    for (let index = 0; index < 3; index++) await courier.deliver(named('m'), { source, site: 'google', limits });
    expect(courier.circuits(source, 'google')).toEqual({ source: null, site: expect.any(Number), trial: false });
    expect(courier.circuits(source, 'yahoo')).toEqual(CLOSED);
  });
});

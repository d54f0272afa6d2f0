import { once } from 'node:events';
import net from 'node:net';
import { Channel } from '../../../src/smtp/channel.ts';

const HOST = '127.0.0.1';
/** Longer than any test: whoever waits for it is not done. */
const ENDLESS = { quit: 3_600_000, notice: 3_600_000 };

const settled = async (promise: Promise<void>): Promise<boolean> => {
  const turn = new Promise<'not yet'>((resolve) => setImmediate(() => resolve('not yet')));
  return (await Promise.race([promise, turn])) !== 'not yet';
};

describe('when the other side has let go of a connection', () => {
  let server: net.Server;
  let port: number;
  beforeEach(async () => {
    server = net.createServer().listen(0, HOST);
    await once(server, 'listening');
    ({ port } = server.address() as net.AddressInfo);
  });
  afterEach(() => {
    server.close();
  });

  it('is not known of one that was given up before we heard of it: the server has it all the same', async () => {
    const channel = Channel.to({ host: HOST, port }, ENDLESS);
    const taken = once(server, 'connection') as Promise<[net.Socket]>;
    // The system has begun to connect, and this process has not looked at what came of it.
    await new Promise((resolve) => process.nextTick(resolve));
    channel.fail('aborted');
    const [socket] = await taken;
    expect(await settled(channel.gone)).toBe(false);
    socket.destroy();
    channel.destroy();
    await channel.gone;
  });

  it('is at once where there never was one', async () => {
    server.close();
    const channel = Channel.to({ host: HOST, port }, ENDLESS);
    expect(await channel.connected(ENDLESS.notice)).toMatchObject({ reason: 'refused-connection' });
    await channel.gone;
  });

  it('is when it has closed, and not when we have', async () => {
    const channel = Channel.to({ host: HOST, port }, ENDLESS);
    const [socket] = (await once(server, 'connection')) as [net.Socket];
    await channel.connected(ENDLESS.notice);
    channel.part();
    expect(await settled(channel.gone)).toBe(false);
    socket.end();
    await channel.gone;
  });
});

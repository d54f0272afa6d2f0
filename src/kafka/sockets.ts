import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory, ISocketFactoryArgs } from 'kafkajs';

const KEEP_ALIVE_MS = 60_000;

/**
 * The sockets of one kafkajs object. Cutting them ends whatever that object still tries: kafkajs itself goes on retrying
 * in the background after it was disconnected, and reconnects for it.
 */
export class Sockets {
  private readonly open = new Set<Socket>();
  private readonly controller = new AbortController();

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket => {
    if (this.signal.aborted) throw new Error('this client was thrown away');
    // The types say that `ssl` is always given; it is not.
    const tls = ssl as ISocketFactoryArgs['ssl'] | undefined;
    const socket = tls
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...tls }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // Requests are small and awaited: Nagle's algorithm would only delay the second of two.
    socket.setNoDelay(true);
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    return socket;
  };

  /** Aborted when the sockets are cut. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  cut(): void {
    this.controller.abort();
    for (const socket of this.open) socket.destroy(new Error('this client was thrown away'));
  }
}

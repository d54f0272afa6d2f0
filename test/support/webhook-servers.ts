import { createServer as createHttp, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

/** An endpoint on this machine, and what it was told. */
export interface TestEndpoint {
  readonly url: string;
  readonly received: readonly Received[];
  /** How often it was called, whatever came of it. */
  calls(): number;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

type Answer = (received: Received) => { readonly status: number; readonly headers?: Record<string, string> };

const goodServer = (received: Received[], answer: Answer): Server =>
  createHttp((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const one = { headers: request.headers, body, at: Date.now() };
      received.push(one);
      const { status, headers } = answer(one);
      response.writeHead(status, headers).end();
    });
  });

/** Answers as it is told to: by default 204 to everything. */
export async function httpEndpoint(answer: Answer = () => ({ status: 204 })): Promise<TestEndpoint> {
  const received: Received[] = [];
  const server = goodServer(received, answer);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/hook`,
    received,
    calls: () => received.length,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One that can be mended: from then on it answers 204 to everything. */
export interface BadEndpoint extends TestEndpoint {
  mend(): void;
}

/** An endpoint that talks to the socket itself, once a whole request has come, until it is mended. */
export async function rawEndpoint(talk: (socket: Socket, call: number) => void): Promise<BadEndpoint> {
  let calls = 0;
  let isBad = true;
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const mended = goodServer(received, () => ({ status: 204 }));
  const server = createTcp((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    if (!isBad) {
      mended.emit('connection', socket);
      return;
    }
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const [, length = ''] = /content-length: (\d+)/i.exec(text) ?? [];
      const end = text.indexOf('\r\n\r\n');
      if (end < 0 || text.length < end + 4 + Number(length)) return;
      text = '';
      talk(socket, ++calls);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/hook`,
    received,
    calls: () => calls + received.length,
    mend() {
      isBad = false;
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Says 200, and lies about the rest: cut short, cut in a chunk, without end, with a wrong length, or with no HTTP at all. */
export const LIES: readonly ((socket: Socket) => void)[] = [
  (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort'),
  (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffff\r\nshort'),
  (socket) => pour(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n'),
  (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n\r\n'),
  (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n'),
  (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\nhello'),
  (socket) => socket.end(`HTTP/1.1 200 OK\r\n${'x-long: y\r\n'.repeat(10_000)}\r\n`),
  (socket) => socket.end('200 OK, taken'),
  (socket) => socket.destroy(),
  (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: nothing\r\nconnection: upgrade\r\n\r\n'),
];

/** Bytes without end, for as long as somebody listens. */
function pour(socket: Socket, head: string): void {
  const bytes = Buffer.alloc(64 * 1_024, 'x');
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.write(head);
  socket.on('drain', more);
  more();
}

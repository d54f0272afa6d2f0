import net from 'node:net';

/** What a script may do with one connection. Bytes are exact: nothing is sent that the script does not send. */
export interface Peer {
  readonly socket: net.Socket;
  send(text: string): void;
  /** The next line, without its CRLF; null where the client ends first. */
  line(): Promise<string | null>;
  /** Everything up to the final dot; null where the client ends first. */
  message(): Promise<string | null>;
  reset(): void;
}

export interface RawServer {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * A TCP server of which every connection runs `script`; what the script throws fails the test that closes the server. Where
 * script and client have both ended, so does the connection: a client waits for that.
 */
export async function rawServer(script: (peer: Peer, connection: number) => Promise<void>): Promise<RawServer> {
  const sockets = new Set<net.Socket>();
  const errors: unknown[] = [];
  let connections = 0;
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const ended = new Promise((resolve) => socket.once('end', resolve));
    void script(peerOf(socket), connections)
      .catch((error) => errors.push(error))
      .then(() => ended)
      .then(() => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      if (errors.length > 0) throw errors[0];
    },
  };
}

export function peerOf(socket: net.Socket): Peer {
  let text = '';
  let ended = false;
  let wake: () => void = () => {};
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    text += String(chunk);
    wake();
  });
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      ended = true;
      wake();
    });
  }
  const until = async (mark: string): Promise<string | null> => {
    while (!text.includes(mark)) {
      if (ended) return null;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const end = text.indexOf(mark);
    const found = text.slice(0, end);
    text = text.slice(end + mark.length);
    return found;
  };
  return {
    socket,
    send: (sent) => {
      socket.write(sent);
    },
    line: () => until('\r\n'),
    message: () => until('\r\n.\r\n'),
    reset: () => {
      socket.resetAndDestroy();
    },
  };
}

/** Greets, and answers EHLO with `extensions`. */
export async function greet(
  peer: Peer,
  extensions: readonly string[] = ['PIPELINING', '8BITMIME', 'SMTPUTF8'],
): Promise<void> {
  peer.send('220 raw.example ESMTP\r\n');
  await peer.line();
  const lines = ['raw.example', ...extensions];
  peer.send(lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join(''));
}

/** Takes MAIL, RCPT and DATA, and the message; answers what it read. Null where the client ends first. */
export async function takeMail(peer: Peer, lastReply = '250 2.0.0 taken'): Promise<string | null> {
  for (const reply of ['250 2.1.0 ok', '250 2.1.5 ok', '354 go on']) {
    let line = await peer.line();
    if (line === 'RSET') {
      peer.send('250 2.0.0 ok\r\n');
      line = await peer.line();
    }
    if (line === null || line === 'QUIT') return null;
    peer.send(`${reply}\r\n`);
  }
  const message = await peer.message();
  if (message !== null) peer.send(`${lastReply}\r\n`);
  return message;
}

/** Takes mails as long as they come; `hold` is awaited before each reply to the dot. */
export const willing =
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

/** Settles when the connection is gone: until then the server says nothing. */
export const never = (peer: Peer): Promise<void> =>
  new Promise((resolve) => peer.socket.once('close', () => resolve()));

/** Sends the replies of the envelope up to `stage`, reading each command first. */
export async function upTo(
  peer: Peer,
  stage: 'mail' | 'rcpt' | 'data' | 'body',
  extensions?: readonly string[],
): Promise<void> {
  await greet(peer, extensions);
  const replies = { mail: [], rcpt: ['250 ok'], data: ['250 ok', '250 ok'], body: ['250 ok', '250 ok', '354 go on'] }[
    stage
  ];
  for (const reply of replies) {
    await peer.line();
    peer.send(`${reply}\r\n`);
  }
  if (stage !== 'body') await peer.line();
}

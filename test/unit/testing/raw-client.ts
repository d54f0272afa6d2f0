import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { jest } from '@jest/globals';

jest.setTimeout(30_000);

/** How long anything may take before a test gives up. */
const DEADLINE_MS = 15_000;

/** A client that sends octets and shows what came back, octet by octet. Strings have one character per octet. */
export class RawClient {
  received = '';
  /** Pieces in which it came. */
  pieces = 0;
  /** `end`: FIN; `reset`: RST; `refused`: nobody listened; null: still open. */
  ending: 'end' | 'reset' | 'refused' | null = null;
  socket: Socket;

  /** `allowHalfOpen`: does not close when the other side has. */
  constructor(port: number, allowHalfOpen = false) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen });
    this.listen(this.socket);
  }

  private listen(socket: Socket): void {
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
      this.pieces++;
    });
    socket.on('end', () => {
      this.ending ??= 'end';
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ending ??= error.code === 'ECONNREFUSED' ? 'refused' : 'reset';
    });
  }

  /** Goes on under TLS, with `ca` as the only root. Rejects where the certificate does not do. */
  async secure(ca: string | null, servername = 'localhost'): Promise<void> {
    const secured = connectTls({ socket: this.socket, servername, ca: ca ?? [] });
    this.listen(secured);
    await new Promise((resolve, reject) => {
      secured.once('secureConnect', resolve);
      secured.once('error', reject);
    });
    this.socket = secured;
  }

  /** Takes what came, up to and with `last`; waits for it. */
  async take(last: string | RegExp = /^\d{3}(?: .*)?\r\n/m): Promise<string> {
    let end = -1;
    await until(
      () => {
        if (typeof last === 'string')
          end = this.received.indexOf(last) + (this.received.includes(last) ? last.length : 0);
        else {
          const found = last.exec(this.received);
          end = found === null ? -1 : found.index + found[0].length;
        }
        return end > 0;
      },
      () => `${JSON.stringify(String(last))} in ${JSON.stringify(this.received)}, ${this.ending}`,
    );
    const taken = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return taken;
  }

  send(octets: string): void {
    this.socket.write(octets, 'latin1');
  }

  /** Sends lines one at a time and answers the reply to each. */
  async say(...lines: readonly string[]): Promise<string[]> {
    const replies: string[] = [];
    for (const line of lines) {
      this.send(`${line}\r\n`);
      replies.push(await this.take());
    }
    return replies;
  }

  /** Waits until the other side has closed. */
  async ended(): Promise<'end' | 'reset' | 'refused'> {
    await until(
      () => this.ending !== null,
      () => `an end, after ${JSON.stringify(this.received)}`,
    );
    return this.ending as 'end' | 'reset' | 'refused';
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Waits for a condition; fails with what was waited for. */
export async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export const GREETING = '220 simulator.postlane.test ESMTP mailbox simulator\r\n';

/** A client that has said EHLO. */
export async function greeted(port: number, name = 'client.test'): Promise<RawClient> {
  const client = new RawClient(port);
  await client.take(GREETING);
  await client.say(`EHLO ${name}`);
  return client;
}

/** A message with names in its header. */
export const messageOf = (jobId: string, body = 'Hello\r\n'): string =>
  `From: a@x.test\r\nMessage-ID: <${jobId}@x.test>\r\nX-Entity-Ref-ID: ${jobId}\r\n\r\n${body}`;

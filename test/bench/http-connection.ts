import { connect, type Socket } from 'node:net';

/** What became of one request. */
export interface Reply {
  /** 0: there was none. */
  readonly status: number;
  readonly text: string;
}

interface UnderWay {
  readonly giveUpAt: number;
  readonly settle: (reply: Reply) => void;
}

const HEAD_END = '\r\n\r\n';
const NONE: Reply = { status: 0, text: '' };

/**
 * One kept-alive HTTP/1.1 connection that posts one request after the other, and reads answers of a known length: what a load needs
 * and no more. A client that does all that HTTP allows cost as much processor time as the route that it measured.
 */
class Connection {
  private readonly socket: Socket;
  private readonly idle: (connection: Connection) => void;
  private underWay: UnderWay | null = null;
  private received = '';

  constructor(host: string, port: number, idle: (connection: Connection) => void, ended: (it: Connection) => void) {
    this.idle = idle;
    this.socket = connect({ host, port, noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => this.read(text));
    // What is wrong with it is told by its closing.
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      ended(this);
      this.settle(NONE);
    });
  }

  post(head: string, body: string, underWay: UnderWay): void {
    this.underWay = underWay;
    this.socket.write(head + body);
  }

  giveUpBefore(now: number): void {
    if (this.underWay !== null && this.underWay.giveUpAt < now) this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private read(text: string): void {
    this.received += text;
    const headEnd = this.received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = /^content-length: *(\d+)/im.exec(this.received.slice(0, headEnd))?.[1];
    // It would have to be read by its chunks, or to its end: neither route answers so.
    if (length === undefined) return void this.socket.destroy(new Error('an answer without a length'));
    const end = headEnd + HEAD_END.length + Number(length);
    if (this.received.length < end) return;
    const reply = {
      status: Number(this.received.slice(9, 12)),
      text: this.received.slice(headEnd + HEAD_END.length, end),
    };
    this.received = this.received.slice(end);
    this.settle(reply);
    this.idle(this);
  }

  private settle(reply: Reply): void {
    const { underWay } = this;
    this.underWay = null;
    underWay?.settle(reply);
  }
}

/** How often it is looked for what is to be given up. */
const LOOK_MS = 250;

/** Connections to one server, as many as there are requests at once. */
export class Connections {
  private readonly url: URL;
  private readonly hangMs: number;
  private readonly all = new Set<Connection>();
  private readonly resting: Connection[] = [];
  private readonly looking: NodeJS.Timeout;

  /** A request is given up when it was not answered for `hangMs`. */
  constructor(url: string, hangMs: number) {
    this.url = new URL(url);
    this.hangMs = hangMs;
    this.looking = setInterval(() => this.giveUp(), LOOK_MS);
  }

  post(key: string, body: string, settle: (reply: Reply) => void): void {
    const { pathname, host } = this.url;
    const length = Buffer.byteLength(body);
    const head = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${length}${HEAD_END}`;
    const connection = this.resting.pop() ?? this.open();
    connection.post(head, body, { giveUpAt: performance.now() + this.hangMs, settle });
  }

  close(): void {
    clearInterval(this.looking);
    for (const connection of this.all) connection.destroy();
  }

  private open(): Connection {
    const idle = (it: Connection): void => void this.resting.push(it);
    const ended = (it: Connection): void => {
      this.all.delete(it);
      const at = this.resting.indexOf(it);
      if (at >= 0) this.resting.splice(at, 1);
    };
    const connection = new Connection(this.url.hostname, Number(this.url.port), idle, ended);
    this.all.add(connection);
    return connection;
  }

  private giveUp(): void {
    const now = performance.now();
    for (const connection of this.all) connection.giveUpBefore(now);
  }
}

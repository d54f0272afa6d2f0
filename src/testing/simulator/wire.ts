import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Millis } from '../../domain/time.ts';

/** Octets that wait while the conversation does; then the client is not read any more. */
const WAITING_BYTES_MAX = 1_048_576;
/** Replies that a client does not read; then it is cut off. */
const UNREAD_BYTES_MAX = 1_048_576;
/** How long a client may take to close after us. */
const CLOSE_MS_MAX = 2_000;

/** Who reads what a client sends. */
export interface Reader {
  /** Reads octets from `start` on and answers how far it came; `start` itself where it needs more of them. */
  read(bytes: Buffer, start: number): number;
  /** Called once. */
  closed(): void;
  /** Nothing came for as long as is allowed. */
  idle(): void;
}

/**
 * `open`: what comes is read. `waiting`: a reply is on its way, what comes is kept. `deaf`: what comes is thrown away.
 * `closed`: over.
 */
type State = 'open' | 'waiting' | 'deaf' | 'closed';

/** One connection, and every way to treat it badly. Replies are strings of one character per octet. */
export class Wire {
  private readonly raw: Socket;
  private socket: Socket;
  private reader: Reader | null = null;
  private state: State = 'open';
  private rest: Buffer | null = null;
  private out = '';
  private timer: NodeJS.Timeout | null = null;

  constructor(socket: Socket, idleMs: Millis) {
    this.raw = socket;
    this.socket = socket;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.close());
    socket.setTimeout(idleMs, () => {
      // A late reply has its own clock, which is bounded too.
      if (this.state === 'open') this.reader?.idle();
      else if (this.state === 'deaf') this.reset();
    });
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  start(reader: Reader): void {
    this.reader = reader;
    this.socket.on('data', (bytes: Buffer) => this.receive(bytes));
    this.flush();
  }

  /** Goes out with everything else that is said before the client is read again. */
  say(text: string): void {
    if (this.state !== 'closed') this.out += text;
  }

  /** Says it later. Nothing more is read until then. */
  sayLater(text: string, delayMs: Millis): void {
    this.wait(delayMs, () => {
      this.out += text;
      this.goOn();
    });
  }

  /** Says one octet each `octetMs`. Nothing more is read until the last one. */
  trickle(text: string, octetMs: Millis): void {
    let next = 0;
    const step = () => {
      this.out += text[next++] ?? '';
      if (next < text.length) this.wait(octetMs, step);
      else this.goOn();
    };
    this.wait(octetMs, step);
  }

  /** Never says anything again. */
  hang(): void {
    if (this.state === 'closed') return;
    this.flush();
    this.state = 'deaf';
  }

  /** Never reads anything again: the client's own buffers fill up. */
  stall(): void {
    this.hang();
    this.socket.pause();
  }

  /** Closes politely: what was said arrives. */
  end(): void {
    if (this.state === 'closed') return;
    this.hang();
    // Unread octets would turn the FIN into a reset that overtakes the last reply: they are read, for a while.
    this.socket.end();
    this.timer = setTimeout(() => this.socket.destroy(), CLOSE_MS_MAX);
  }

  /** Closes at once: FIN, or RST where the system still held octets for us. */
  cut(): void {
    this.hang();
    this.socket.destroySoon();
  }

  /** Closes at once, with RST. */
  reset(): void {
    if (this.state === 'closed') return;
    this.hang();
    if (this.socket !== this.raw) this.socket.destroy();
    this.raw.resetAndDestroy();
  }

  /** Says it and goes on under TLS. `start` is called when the connection is secure. */
  secure(context: SecureContext, start: () => void): void {
    this.flush();
    this.raw.removeAllListeners('data');
    const secured = new TLSSocket(this.raw, { isServer: true, secureContext: context });
    this.socket = secured;
    secured.on('error', () => secured.destroy());
    secured.once('close', () => this.raw.destroy());
    secured.once('secure', () => {
      start();
      this.flush();
    });
    secured.on('data', (bytes: Buffer) => this.receive(bytes));
  }

  private receive(bytes: Buffer): void {
    if (this.state === 'deaf' || this.state === 'closed') return;
    const all = this.rest === null ? bytes : Buffer.concat([this.rest, bytes]);
    this.rest = null;
    if (this.state === 'open') this.run(all);
    else {
      this.rest = all;
      if (all.length > WAITING_BYTES_MAX) this.socket.pause();
    }
  }

  private run(bytes: Buffer): void {
    const reader = this.reader as Reader;
    let at = 0;
    while (at < bytes.length && this.state === 'open') {
      const next = reader.read(bytes, at);
      if (next === at) break;
      at = next;
    }
    if (at < bytes.length && (this.state === 'open' || this.state === 'waiting')) this.rest = bytes.subarray(at);
    this.flush();
  }

  private wait(delayMs: Millis, then: () => void): void {
    this.flush();
    this.state = 'waiting';
    this.timer = setTimeout(then, delayMs);
  }

  private goOn(): void {
    this.timer = null;
    this.state = 'open';
    const { rest } = this;
    this.rest = null;
    if (this.socket.isPaused()) this.socket.resume();
    if (rest === null) this.flush();
    else this.run(rest);
  }

  private flush(): void {
    if (this.out === '' || this.state === 'closed') return;
    const { out } = this;
    this.out = '';
    if (!this.socket.writable) return;
    this.socket.write(out, 'latin1');
    if (this.socket.writableLength > UNREAD_BYTES_MAX) this.raw.destroy();
  }

  private close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.rest = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.reader?.closed();
  }
}

import net from 'node:net';
import tls from 'node:tls';
import { assert } from '../domain/error.ts';
import type { FailureReason } from '../domain/reply.ts';
import type { Patience } from './patience.ts';
import { type RawReply, ReplyReader } from './reply-reader.ts';

/** Why nothing more can be read from a channel. The first cause stays. */
export interface Broken {
  readonly reason: FailureReason;
  readonly detail: string | null;
}

export type Answer = RawReply | Broken;

export const isBroken = (answer: Answer): answer is Broken => 'reason' in answer;

const REASONS: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: 'refused-connection',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timeout',
};

/** The other side has none of it, or none of it any more. */
const PARTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

/** Many bytes in one write would hide how far the message had come. */
const BLOCK_BYTES = 65_536;

/** Lets `read` tell a reply from silence: the socket, its replies, and one deadline at a time. Knows no SMTP command. */
export class Channel {
  private socket: net.Socket;
  private reader = new ReplyReader();
  private readonly replies: RawReply[] = [];
  /** Replies that were asked for and have not come. */
  private due = 0;
  private broken: Broken | null = null;
  private wake: (() => void) | null = null;
  private handshaking = false;
  private timer: NodeJS.Timeout | null = null;
  private deadline = 0;
  private armedUntil = 0;
  /** It has been a connection. */
  private stood = false;
  /** Our side has let go of it. */
  private parting = false;
  private readonly patience: Pick<Patience, 'quit' | 'notice'>;
  private parted: () => void = () => undefined;
  /** Called once, when the channel breaks. */
  onBroken: (() => void) | null = null;
  /**
   * Settles when the other side has let go of the connection, which a site that counts connections counts until then: it
   * has closed, or has had `quit` to do so after our end of it was closed, or `notice` after we had to cut it.
   */
  readonly gone: Promise<void>;

  private constructor(socket: net.Socket, patience: Pick<Patience, 'quit' | 'notice'>) {
    this.socket = socket;
    this.patience = patience;
    this.gone = new Promise((resolve) => {
      this.parted = resolve;
    });
    this.listen(socket);
  }

  /** Begins to connect. `connected` says how it went. */
  static to(options: net.TcpNetConnectOpts, patience: Pick<Patience, 'quit' | 'notice'>): Channel {
    return new Channel(net.connect({ ...options, noDelay: true, keepAlive: true }), patience);
  }

  /** Settles when the connection stands, or with the reason why it does not. */
  async connected(withinMs: number): Promise<Broken | null> {
    this.socket.once('connect', () => {
      this.stood = true;
      this.rouse();
    });
    await this.until(() => !this.socket.connecting, withinMs);
    return this.broken;
  }

  get failure(): Broken | null {
    return this.broken;
  }

  get secure(): boolean {
    return this.socket instanceof tls.TLSSocket;
  }

  /** True where every reply that was asked for has come and been read. */
  get quiet(): boolean {
    return this.due === 0 && this.replies.length === 0 && this.reader.isBetweenReplies();
  }

  /** True where a reply waits to be read. */
  get replied(): boolean {
    return this.replies.length > 0;
  }

  /** Announces that `count` further replies are to come. */
  expect(count: number): void {
    this.due += count;
  }

  write(line: string): void {
    if (this.broken === null) this.socket.write(line, 'utf8');
  }

  /** For what must not stay in memory: the bytes are gone as soon as the system has them. */
  writeAndWipe(line: Buffer): void {
    if (this.broken === null) this.socket.write(line, () => line.fill(0));
    else line.fill(0);
  }

  /** Writes buffers in as few packets as it can, without waiting. */
  writeTogether(...buffers: readonly Buffer[]): void {
    if (this.broken !== null) return;
    this.socket.cork();
    for (const buffer of buffers) this.socket.write(buffer);
    this.socket.uncork();
  }

  /**
   * Writes block by block, each within `blockMs`, and settles when the system has taken the last one, or as soon as a
   * reply comes or the channel breaks.
   */
  async writeBlocks(bytes: Buffer, blockMs: number): Promise<void> {
    for (let start = 0; start < bytes.length && this.broken === null && !this.replied; start += BLOCK_BYTES) {
      let taken = false;
      this.socket.write(bytes.subarray(start, start + BLOCK_BYTES), () => {
        taken = true;
        this.rouse();
      });
      await this.until(() => taken || this.replied, blockMs);
    }
  }

  /** The next reply, or why there is none. */
  async read(withinMs: number): Promise<Answer> {
    if (this.replies.length === 0) await this.until(() => this.replies.length > 0, withinMs);
    const reply = this.replies.shift();
    if (reply) return reply;
    assert(this.broken !== null, 'a read ended with neither reply nor failure');
    return this.broken;
  }

  /** Puts TLS on top. Bytes that came before the handshake are refused: they would be read as if they were protected. */
  async secureWith(options: tls.ConnectionOptions, withinMs: number): Promise<Broken | null> {
    if (this.broken === null && !this.quiet) this.fail('garbage', 'data before the TLS handshake');
    if (this.broken !== null) return this.broken;
    const plain = this.socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('end');
    this.handshaking = true;
    const secure = tls.connect({ ...options, socket: plain });
    this.socket = secure;
    this.listen(secure);
    let ready = false;
    secure.once('secureConnect', () => {
      ready = true;
      this.rouse();
    });
    await this.until(() => ready, withinMs);
    this.handshaking = false;
    return this.broken;
  }

  /** Ends it from our side with a reason of ours. */
  fail(reason: FailureReason, detail: string | null = null): void {
    if (this.broken !== null) return;
    this.broken = { reason, detail };
    this.part();
    this.rouse();
    this.onBroken?.();
  }

  /**
   * Lets go of it from our side, without another word. Where everything written has gone out our end is closed, and the
   * other side sees that in its turn; what is still to go out must not, and the connection is cut.
   */
  part(): void {
    if (this.parting) return;
    this.parting = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { socket } = this;
    // The other side may have taken a connection of which we have not heard yet.
    if (!this.stood) return this.cut(this.patience.notice);
    const hasEnded = socket.destroyed || socket.writableEnded;
    if (hasEnded || this.handshaking || socket.writableLength > 0) return this.cut(this.patience.notice);
    socket.end();
    this.timer = setTimeout(() => this.cut(this.patience.notice), this.patience.quit);
    this.timer.unref();
  }

  /** Says goodbye and closes, without waiting for the answer. */
  end(line: string): void {
    if (this.broken !== null || this.parting) return;
    this.expect(1);
    this.socket.end(line);
    this.arm(this.patience.quit);
  }

  /** Closes it at once, whatever the other side makes of it. */
  destroy(): void {
    this.cut(0);
  }

  /** Nobody tells when the other side has noticed; it is thought to have after so long. */
  private cut(noticedAfterMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.parting = true;
    this.socket.destroy();
    if (noticedAfterMs > 0) setTimeout(this.parted, noticedAfterMs).unref();
    else this.parted();
  }

  private listen(socket: net.Socket): void {
    socket.on('data', (chunk: Buffer) => this.received(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.fail(this.reasonOf(error), error.code ?? null);
      if (!this.stood || PARTED.has(error.code ?? '')) this.cut(0);
    });
    socket.on('end', () => {
      this.fail('reset', 'FIN');
      this.cut(0);
    });
    socket.on('close', () => this.fail('reset', null));
  }

  private reasonOf(error: NodeJS.ErrnoException): FailureReason {
    const reason = REASONS[error.code ?? ''];
    if (reason) return reason;
    return this.handshaking && error.code !== 'ECONNRESET' && error.code !== 'EPIPE' ? 'tls' : 'reset';
  }

  private received(chunk: Buffer): void {
    if (this.broken !== null) return;
    const replies = this.reader.push(chunk);
    if (replies === null) return this.fail('garbage', null);
    this.replies.push(...replies);
    this.due -= replies.length;
    // A reply that nobody asked for, mostly 421 before the server hangs up. It can still be read; nothing after it makes sense.
    if (this.due < 0) this.fail('reset', 'unasked reply');
    else if (replies.length > 0) this.rouse();
  }

  private rouse(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }

  private async until(condition: () => boolean, withinMs: number): Promise<void> {
    if (this.broken !== null || condition()) return;
    this.arm(withinMs);
    while (this.broken === null && !condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.deadline = 0;
  }

  /** One timer serves all deadlines: most are met, so it is moved only when it fires, or when it would fire too late. */
  private arm(withinMs: number): void {
    const now = performance.now();
    this.deadline = now + withinMs;
    if (this.timer !== null && this.armedUntil <= this.deadline) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.armedUntil = this.deadline;
    this.timer = setTimeout(() => this.expired(), withinMs);
  }

  private expired(): void {
    this.timer = null;
    if (this.broken !== null || this.deadline === 0) return;
    const leftMs = this.deadline - performance.now();
    if (leftMs <= 0) this.fail('timeout', null);
    else this.arm(leftMs);
  }
}

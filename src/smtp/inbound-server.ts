import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import { PostlaneError } from '../domain/error.ts';
import type { Clock, Stoppable, Telemetry } from '../runtime/ports.ts';
import { CLOSE_MS, closeDrained, DRAIN_MS, listen, refusal } from './listening.ts';

/** One mail that was taken off the wire. */
export interface InboundMail {
  /** Accepted recipients, at least one. */
  readonly recipients: readonly string[];
  /** Return path; '' for notices of servers. */
  readonly sender: string;
  readonly peer: string | null;
  /** Its beginning, no more than `keptBytesMax`. */
  readonly bytes: Uint8Array;
}

/** Both PEM. */
export interface KeyAndCertificate {
  readonly key: Buffer;
  readonly certificate: Buffer;
}

/** Throws CONFIG_INVALID where one is no PEM, or they do not belong together. */
export function checkCertificate({ key, certificate }: KeyAndCertificate): void {
  try {
    createSecureContext({ key, cert: certificate });
  } catch {
    // OpenSSL's message may quote what it read.
    throw new PostlaneError('CONFIG_INVALID', { what: 'TLS key and certificate are no pair of PEM texts' });
  }
}

export interface InboundServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** As which it greets. */
  readonly hostname: string | null;
  /** For STARTTLS; null: it is not offered. */
  readonly tls: KeyAndCertificate | null;
  /** Larger mails are refused. */
  readonly mailBytesMax: number;
  /** Of each mail, no more is kept. */
  readonly keptBytesMax: number;
  readonly connectionsMax: number;
  readonly accepts: (recipient: string) => boolean;
  /** Keeps the mail durably. Whatever it rejects with, the sender is told to come again. */
  readonly take: (mail: InboundMail) => Promise<void>;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
}

/** RFC 5321 section 4.5.3.2 asks for five minutes; notices of servers come at once. */
const IDLE_MS_MAX = 60_000;
/** A connection that drips is cut all the same. */
const CONNECTION_MS_MAX = 600_000;
/** Notices have one recipient; RFC 5321 section 4.5.3.1.8 has a hundred taken. */
const RECIPIENTS_MAX = 100;
/** Mails of all connections that are being read or kept, in bytes. */
const HELD_BYTES_MAX = 64_000_000;

/** What a mail came to: a closed list, counted. */
type What = 'taken' | 'unknown-recipient' | 'too-many-recipients' | 'too-large' | 'no-room' | 'not-kept' | 'stopping';

/** An SMTP server that takes mail for addresses of ours, and answers 250 only once it is kept. Relays for nobody. */
export class InboundServer implements Stoppable {
  private readonly options: InboundServerOptions;
  private readonly server: SMTPServer;
  private heldBytes = 0;
  private underWay = 0;
  private stopping: Promise<void> | null = null;
  /** Where it listens. */
  port = 0;

  private constructor(options: InboundServerOptions) {
    this.options = options;
    this.server = new SMTPServer({
      ...(options.hostname === null ? {} : { name: options.hostname }),
      ...(options.tls === null ? {} : { key: options.tls.key, cert: options.tls.certificate }),
      banner: 'Postlane',
      disabledCommands: options.tls === null ? ['AUTH', 'STARTTLS'] : ['AUTH'],
      authOptional: true,
      size: options.mailBytesMax,
      rejectOversized: true,
      maxClients: options.connectionsMax,
      socketTimeout: IDLE_MS_MAX,
      closeTimeout: CLOSE_MS,
      // Ours stand in the texts.
      hideENHANCEDSTATUSCODES: true,
      disableReverseLookup: true,
      logger: false,
      onRcptTo: ({ address }, session, done) => {
        if (session.envelope.rcptTo.length >= RECIPIENTS_MAX) {
          return done(this.refuse('too-many-recipients', 452, '4.5.3 too many recipients'));
        }
        if (options.accepts(address)) return done();
        return done(this.refuse('unknown-recipient', 550, '5.1.1 no such address here'));
      },
      onData: (stream, session, done) => {
        const { mailFrom, rcptTo } = session.envelope;
        const envelope = {
          recipients: rcptTo.map(({ address }) => address),
          sender: mailFrom === false ? '' : mailFrom.address,
          peer: session.remoteAddress || null,
        };
        void this.data(stream, envelope).then(
          () => done(),
          (error: Error) => done(error),
        );
      },
    });
    this.server.on('error', (error: Error) => options.telemetry.log('debug', 'a connection failed', { error }));
    this.server.server.on('connection', (socket: Socket) => {
      const timer = setTimeout(() => socket.destroy(), CONNECTION_MS_MAX).unref();
      socket.once('close', () => clearTimeout(timer));
    });
  }

  /** Listens. Throws INFRA_UNAVAILABLE where the port is taken. */
  static async start(options: InboundServerOptions): Promise<InboundServer> {
    const server = new InboundServer(options);
    server.port = await listen(server.server, { what: 'the return path', host: options.host, port: options.port });
    return server;
  }

  /** New connections are offered it; those that are open keep theirs. Only where one was given at the start. */
  renewCertificate({ key, certificate }: KeyAndCertificate): void {
    this.server.updateSecureContext({ key, cert: certificate });
  }

  /** Lets mails that are being taken end, and no other begin. Idempotent. */
  stop({ withinMs }: { readonly withinMs: number } = { withinMs: DRAIN_MS }): Promise<void> {
    const underWay = () => this.underWay;
    this.stopping ??= closeDrained(this.server, { underWay, withinMs, clock: this.options.clock });
    return this.stopping;
  }

  private refuse(what: What, code: number, text: string): Error {
    this.options.telemetry.count('postlane_inbound_mails_total', { what });
    return refusal(code, text);
  }

  private async data(stream: Readable, envelope: Omit<InboundMail, 'bytes'>): Promise<void> {
    this.underWay++;
    const chunks: Buffer[] = [];
    let kept = 0;
    const isTooLate = this.stopping !== null;
    let hasRoom = !isTooLate;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const part = chunk.subarray(0, this.options.keptBytesMax - kept);
        hasRoom &&= this.heldBytes + part.length <= HELD_BYTES_MAX;
        // What is not kept is read to its end all the same: only then may it be answered.
        if (!hasRoom || part.length === 0) continue;
        chunks.push(part);
        kept += part.length;
        this.heldBytes += part.length;
      }
      if (isTooLate) throw this.refuse('stopping', 421, '4.3.2 shutting down');
      if (!hasRoom) throw this.refuse('no-room', 452, '4.3.1 too much is under way');
      if ((stream as Readable & { readonly sizeExceeded?: boolean }).sizeExceeded) {
        throw this.refuse('too-large', 552, '5.3.4 larger than is taken here');
      }
      await this.keep({ ...envelope, bytes: Buffer.concat(chunks) });
    } finally {
      this.heldBytes -= kept;
      this.underWay--;
    }
  }

  private async keep(mail: InboundMail): Promise<void> {
    const { take, telemetry } = this.options;
    try {
      await take(mail);
    } catch (error) {
      telemetry.log('warn', 'a mail to a return path could not be kept', { error });
      throw this.refuse('not-kept', 451, '4.3.0 cannot be kept now, come again');
    }
    telemetry.count('postlane_inbound_mails_total', { what: 'taken' });
  }
}

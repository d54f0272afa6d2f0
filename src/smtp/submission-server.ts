import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { assert } from '../domain/error.ts';
import type { Clock, Stoppable, Telemetry } from '../runtime/ports.ts';
import { CLOSE_MS, closeDrained, DRAIN_MS, listen, refusal } from './listening.ts';

/** What the server says: a code (RFC 5321 section 4.2), and a text that begins with an enhanced code (RFC 3463). */
export interface Answer {
  readonly code: number;
  readonly text: string;
}

/** One mail as it came off the wire, dots unstuffed; nothing of it was looked at. */
export interface SubmittedMail {
  /** At least one, each of which `recipientFault` found good. */
  readonly recipients: readonly string[];
  readonly bytes: Buffer;
}

/** Who is logged in: whatever `login` answers. */
export type Login<Caller> =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly answer: Answer };

export interface SubmissionServerOptions<Caller> {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** As which it greets. Null: the name of the machine. */
  readonly hostname: string | null;
  /** PEM texts: nobody can log in without TLS, which comes by STARTTLS or is there from the first byte on (RFC 8314 section 3.3). */
  readonly tls: { readonly key: string; readonly certificate: string; readonly mode: 'starttls' | 'implicit' };
  /** Larger mails are refused. */
  readonly mailBytesMax: number;
  readonly recipientsMax: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Mails of all connections that are being read or kept, in bytes. */
  readonly heldBytesMax: number;
  /** Judges the password of AUTH; what stands in place of the user name does not matter. */
  readonly login: (password: string) => Login<Caller>;
  /** Asked before each mail, since a caller's rights may have changed. Null: go on. */
  readonly admit: (caller: Caller) => Promise<Answer | null>;
  /** What is wrong with an address of RCPT; null: nothing. */
  readonly recipientFault: (address: string) => Answer | null;
  /** Keeps the mail durably, and only then answers. What it rejects with is logged, and the client told to come again. */
  readonly take: (caller: Caller, mail: SubmittedMail) => Promise<Answer>;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
}

/** RFC 5321 section 4.5.3.2.7 asks for five minutes. */
const IDLE_MS_MAX = 300_000;
/** A client that has not logged in by then is none of ours. */
const LOGIN_MS_MAX = 60_000;
/** One mail may take so long to come in; the slowest link that carries 5 MB in it has 70 kbit/s. */
const DATA_MS_MAX = 600_000;
/** After so many mails a connection is ended in between two, so that load finds its way to other instances. */
const MAILS_PER_CONNECTION_MAX = 1_000;
const CONNECTION_MS_MAX = 3_600_000;
const LOGINS_MAX = 5;
/** Old jokes of sendmail, and commands that only a proxy may give. */
const DISABLED = ['WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD'];

const STOPPING: Answer = { code: 421, text: '4.3.2 shutting down' };
const TLS_FIRST: Answer = { code: 530, text: '5.7.0 Must issue a STARTTLS command first' };
const LATER: Answer = { code: 451, text: '4.3.0 cannot be kept now, come again' };

const refusalOf = ({ code, text }: Answer): Error => refusal(code, text);

/** What is known of an open connection. */
interface Peer {
  readonly address: string;
  readonly timers: Set<NodeJS.Timeout>;
  logins: number;
  mails: number;
}

/** An SMTP server for clients that log in (RFC 6409). It answers 250 only once a mail is kept. */
export class SubmissionServer<Caller> implements Stoppable {
  private readonly options: SubmissionServerOptions<Caller>;
  private readonly server: SMTPServer;
  private readonly peers = new Map<string, Peer>();
  private heldBytes = 0;
  private underWay = 0;
  private stopping: Promise<void> | null = null;
  /** Where it listens. */
  port = 0;

  private constructor(options: SubmissionServerOptions<Caller>) {
    this.options = options;
    this.server = new SMTPServer({
      ...(options.hostname === null ? {} : { name: options.hostname }),
      secure: options.tls.mode === 'implicit',
      key: options.tls.key,
      cert: options.tls.certificate,
      banner: 'Postlane',
      authMethods: ['PLAIN', 'LOGIN'],
      authOptional: false,
      allowInsecureAuth: false,
      authRequiredMessage: '5.7.0 Authentication required',
      disabledCommands: DISABLED,
      // What each of these asks for would have to be passed on to the next server, which is out of our hands.
      hideDSN: true,
      hideREQUIRETLS: true,
      // Ours stand in the texts.
      hideENHANCEDSTATUSCODES: true,
      size: options.mailBytesMax,
      rejectOversized: true,
      maxRecipients: options.recipientsMax,
      maxClients: options.connectionsMax,
      socketTimeout: IDLE_MS_MAX,
      closeTimeout: CLOSE_MS,
      disableReverseLookup: true,
      logger: false,
      onConnect: (session, done) => done(this.connected(session)),
      onSecure: (_socket, session, done) => {
        Object.assign(session, { disabledCommands: ['STARTTLS', ...DISABLED] });
        done();
      },
      onAuth: ({ password }, session, done) => this.loggingIn(password ?? '', session, done),
      onMailFrom: (_address, session, done) => void this.beginning(session).then(done, done),
      onRcptTo: ({ address }, _session, done) => {
        const fault = options.recipientFault(address);
        done(fault === null ? null : this.refuse('recipient', fault));
      },
      onData: (stream, session, done) =>
        void this.data(stream, session).then(
          (text) => done(null, text),
          (error: Error) => done(error),
        ),
      onClose: ({ id }) => this.closed(id),
    });
    this.server.on('error', (error: Error) => options.telemetry.log('debug', 'a connection failed', { error }));
  }

  /** Listens. Throws INFRA_UNAVAILABLE where the port is taken. */
  static async start<Caller>(options: SubmissionServerOptions<Caller>): Promise<SubmissionServer<Caller>> {
    const server = new SubmissionServer(options);
    server.port = await listen(server.server, { what: 'SMTP submission', host: options.host, port: options.port });
    return server;
  }

  /** Lets mails that are being taken end, and no other begin. Idempotent. */
  stop({ withinMs }: { readonly withinMs: number } = { withinMs: DRAIN_MS }): Promise<void> {
    const underWay = () => this.underWay;
    this.stopping ??= closeDrained(this.server, { underWay, withinMs, clock: this.options.clock });
    return this.stopping;
  }

  private refuse(what: string, answer: Answer): Error {
    this.options.telemetry.count('postlane_submission_refusals_total', { what });
    return refusalOf(answer);
  }

  private connected(session: SMTPServerSession): Error | null {
    if (this.stopping !== null) return this.refuse('stopping', STOPPING);
    const address = session.remoteAddress;
    const connections = [...this.peers.values()].filter((peer) => peer.address === address).length;
    if (connections >= this.options.connectionsPerAddressMax) {
      return this.refuse('too-many-connections', { code: 421, text: '4.7.0 too many connections from this address' });
    }
    const peer: Peer = { address, timers: new Set(), logins: 0, mails: 0 };
    this.peers.set(session.id, peer);
    this.after(session, LOGIN_MS_MAX, 'no log-in came', () => session.user === undefined || session.user === false);
    this.after(session, CONNECTION_MS_MAX, 'too long', () => true);
    // Not offered in the clear: a client that sees it would send its key.
    Object.assign(session, { disabledCommands: [session.secure ? 'STARTTLS' : 'AUTH', ...DISABLED] });
    return null;
  }

  private closed(id: string): void {
    for (const timer of this.peers.get(id)?.timers ?? []) clearTimeout(timer);
    this.peers.delete(id);
  }

  /** Ends the connection after so long where it is still due. The answer cancels it. */
  private after(session: SMTPServerSession, ms: number, why: string, isDue: () => boolean): () => void {
    const timers = this.peers.get(session.id)?.timers;
    const timer = setTimeout(() => {
      timers?.delete(timer);
      if (!isDue()) return;
      for (const connection of this.server.connections) {
        if (connection.id === session.id) connection.send(421, `4.4.2 ${why}`);
      }
    }, ms).unref();
    timers?.add(timer);
    return () => {
      clearTimeout(timer);
      timers?.delete(timer);
    };
  }

  private peerOf({ id }: SMTPServerSession): Peer {
    const peer = this.peers.get(id);
    assert(peer !== undefined, 'a connection that speaks is known');
    return peer;
  }

  private loggingIn(
    password: string,
    session: SMTPServerSession,
    done: (error: Error | null, response?: { readonly user: unknown }) => void,
  ): void {
    if (!session.secure) return done(refusalOf(TLS_FIRST));
    const peer = this.peerOf(session);
    peer.logins++;
    const login = this.options.login(password);
    if (login.ok) return done(null, { user: login });
    const isLast = peer.logins >= LOGINS_MAX;
    const answer = isLast ? { code: 421, text: '4.7.0 too many log-ins failed' } : login.answer;
    done(this.refuse('login', answer));
  }

  private callerOf({ user, secure }: SMTPServerSession): Caller | null {
    return secure && user ? (user as Extract<Login<Caller>, { readonly ok: true }>).caller : null;
  }

  private async beginning(session: SMTPServerSession): Promise<Error | null> {
    if (this.stopping !== null) return this.refuse('stopping', STOPPING);
    const caller = this.callerOf(session);
    if (caller === null) return this.refuse('login', TLS_FIRST);
    const peer = this.peerOf(session);
    peer.mails++;
    if (peer.mails > MAILS_PER_CONNECTION_MAX) {
      return refusalOf({ code: 421, text: '4.7.0 enough mails for one connection, come again' });
    }
    const refused = await this.options.admit(caller);
    return refused === null ? null : this.refuse('admission', refused);
  }

  private async data(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const caller = this.callerOf(session);
    assert(caller !== null, 'who hands in a mail is logged in');
    this.underWay++;
    const inTime = this.after(session, DATA_MS_MAX, 'the mail took too long to come', () => true);
    const chunks: Buffer[] = [];
    let held = 0;
    const isTooLate = this.stopping !== null;
    let hasRoom = !isTooLate;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        hasRoom &&= !stream.sizeExceeded && this.heldBytes + chunk.length <= this.options.heldBytesMax;
        // What is not kept is read to its end all the same: only then may it be answered.
        if (!hasRoom) continue;
        chunks.push(chunk);
        held += chunk.length;
        this.heldBytes += chunk.length;
      }
      inTime();
      if (isTooLate) throw this.refuse('stopping', STOPPING);
      if (stream.sizeExceeded) throw this.refuse('too-large', { code: 552, text: '5.3.4 larger than is taken here' });
      if (!hasRoom) throw this.refuse('no-room', { code: 452, text: '4.3.1 too much is under way, come again' });
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      return await this.keep(caller, { recipients, bytes: Buffer.concat(chunks) });
    } finally {
      inTime();
      this.heldBytes -= held;
      this.underWay--;
    }
  }

  private async keep(caller: Caller, mail: SubmittedMail): Promise<string> {
    const { take, telemetry } = this.options;
    let answer: Answer;
    try {
      answer = await take(caller, mail);
    } catch (error) {
      telemetry.log('error', 'a mail could not be judged', { error });
      throw this.refuse('not-kept', LATER);
    }
    if (answer.code >= 400) throw refusalOf(answer);
    return answer.text;
  }
}

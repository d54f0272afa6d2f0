import net from 'node:net';
import type { TlsPolicy } from '../domain/policy.ts';
import type { SmtpStage } from '../domain/reply.ts';
import type { Abortable } from './abortable.ts';
import { Channel, isBroken } from './channel.ts';
import type { Credentials } from './mail.ts';
import { type Failed, failed, isPositive, type Refused, refusedBy } from './outcome.ts';
import type { Patience } from './patience.ts';
import type { RawReply } from './reply-reader.ts';

/** Where to connect, and how to behave there. */
export interface Endpoint {
  readonly host: string;
  /** Where the host is, if that is known already; its certificate is still that of the host. */
  readonly address?: string;
  readonly port: number;
  readonly tls: TlsPolicy;
  readonly tlsVerify: boolean;
  readonly localAddress: string | null;
  readonly helo: string;
}

/** What a server offers (RFC 5321 section 4.1.1.1), as far as we use it. */
export interface Capabilities {
  readonly pipelining: boolean;
  readonly smtputf8: boolean;
  readonly eightBitMime: boolean;
  readonly startTls: boolean;
  /** SASL mechanisms, upper case. */
  readonly auth: ReadonlySet<string>;
  /** Octets; null where SIZE is not offered or sets no limit. */
  readonly sizeMax: number | null;
}

/** A connection as its bookkeeping sees it. */
export type Link = Pick<Channel, 'gone' | 'destroy'>;

export interface Session {
  readonly channel: Channel;
  readonly capabilities: Capabilities;
}

type Stopped = Refused | Failed;
const isStopped = (value: RawReply | Capabilities | Session | Stopped): value is Stopped => 'kind' in value;

/** Reads the extensions out of the reply to EHLO; its first line is the greeting. */
export function readCapabilities(lines: readonly string[]): Capabilities {
  const offered = new Map<string, string>();
  for (const line of lines.slice(1)) {
    // `AUTH=PLAIN` is how some old servers write it.
    const [keyword = '', ...parameters] = line
      .trim()
      .replace(/^AUTH=/i, 'AUTH ')
      .split(/\s+/);
    const name = keyword.toUpperCase();
    offered.set(name, `${offered.get(name) ?? ''} ${parameters.join(' ')}`.trim());
  }
  const size = Number(offered.get('SIZE') ?? 0);
  return {
    pipelining: offered.has('PIPELINING'),
    smtputf8: offered.has('SMTPUTF8'),
    eightBitMime: offered.has('8BITMIME'),
    startTls: offered.has('STARTTLS'),
    auth: new Set((offered.get('AUTH') ?? '').toUpperCase().split(' ').filter(Boolean)),
    sizeMax: Number.isSafeInteger(size) && size > 0 ? size : null,
  };
}

/**
 * Connects, greets, secures and logs in: everything before the first mail. Answers where and why it stopped. `begun` is told
 * of the connection as soon as there may be one.
 */
export async function openSession(
  endpoint: Endpoint,
  credentials: Credentials | null,
  patience: Patience,
  abortable?: Abortable,
  begun?: (link: Link) => void,
): Promise<Session | Stopped> {
  const { host, address, port, localAddress } = endpoint;
  const channel = Channel.to({ host: address ?? host, port, localAddress: localAddress ?? undefined }, patience);
  begun?.(channel);
  abortable?.during(() => channel.fail('aborted'));
  const broken = await channel.connected(patience.connect);
  if (broken) return failed('connect', broken.reason, broken.detail);
  const session = await new Handshake(channel, endpoint, patience).run(credentials);
  abortable?.over();
  if (isStopped(session) && channel.failure === null) channel.part();
  return session;
}

class Handshake {
  private readonly channel: Channel;
  private readonly endpoint: Endpoint;
  private readonly patience: Patience;

  constructor(channel: Channel, endpoint: Endpoint, patience: Patience) {
    this.channel = channel;
    this.endpoint = endpoint;
    this.patience = patience;
  }

  async run(credentials: Credentials | null): Promise<Session | Stopped> {
    const greeted = await this.greet();
    if (greeted !== null) return greeted;
    let capabilities = await this.hello();
    if (isStopped(capabilities)) return capabilities;
    if (this.mustStartTls(capabilities)) {
      const secured = await this.startTls(capabilities);
      if (secured !== null) return secured;
      // What was said before the handshake may have been said by somebody else (RFC 3207 section 4.2).
      capabilities = await this.hello();
      if (isStopped(capabilities)) return capabilities;
    }
    if (credentials !== null) {
      const loggedIn = await this.login(credentials, capabilities);
      if (loggedIn !== null) return loggedIn;
    }
    return { channel: this.channel, capabilities };
  }

  private async greet(): Promise<Stopped | null> {
    if (this.endpoint.tls === 'implicit') {
      const broken = await this.channel.secureWith(this.tlsOptions(), this.patience.tls);
      if (broken) return failed('tls', broken.reason, broken.detail);
    }
    this.channel.expect(1);
    const greeting = await this.channel.read(this.patience.greeting);
    if (isBroken(greeting)) return failed('greeting', greeting.reason, greeting.detail);
    return isPositive(greeting) ? null : refusedBy('greeting', greeting);
  }

  private async hello(): Promise<Capabilities | Stopped> {
    const extended = await this.command('ehlo', `EHLO ${this.endpoint.helo}`);
    if (isStopped(extended)) return extended;
    if (isPositive(extended)) return readCapabilities(extended.lines);
    // RFC 5321 section 3.2: a server that knows no EHLO gets HELO.
    if (extended.code < 500) return refusedBy('ehlo', extended);
    const plain = await this.command('ehlo', `HELO ${this.endpoint.helo}`);
    if (isStopped(plain)) return plain;
    return isPositive(plain) ? readCapabilities([]) : refusedBy('ehlo', plain);
  }

  /** Opportunistic: where it is offered it must work, certificate included; only a server without it is talked to in clear. */
  private mustStartTls(capabilities: Capabilities): boolean {
    if (this.endpoint.tls === 'starttls') return true;
    return this.endpoint.tls === 'opportunistic' && capabilities.startTls;
  }

  private async startTls(capabilities: Capabilities): Promise<Stopped | null> {
    if (!capabilities.startTls) return failed('tls', 'tls', 'STARTTLS is not offered');
    const reply = await this.command('tls', 'STARTTLS');
    if (isStopped(reply)) return reply;
    if (reply.code !== 220) return refusedBy('tls', reply);
    const broken = await this.channel.secureWith(this.tlsOptions(), this.patience.tls);
    return broken ? failed('tls', broken.reason, broken.detail) : null;
  }

  private tlsOptions() {
    const { host, tlsVerify } = this.endpoint;
    return { host, servername: net.isIP(host) === 0 ? host : undefined, rejectUnauthorized: tlsVerify };
  }

  private async login(credentials: Credentials, capabilities: Capabilities): Promise<Stopped | null> {
    if (this.endpoint.tls !== 'none' && !this.channel.secure) {
      return failed('auth', 'auth', 'no TLS to send credentials over');
    }
    const { user, pass } = credentials;
    const steps: readonly Buffer[] | null = capabilities.auth.has('PLAIN')
      ? [encoded('AUTH PLAIN ', NUL, user.bytes(), NUL, pass.bytes())]
      : capabilities.auth.has('LOGIN')
        ? [Buffer.from('AUTH LOGIN\r\n'), encoded('', user.bytes()), encoded('', pass.bytes())]
        : null;
    if (steps === null) return failed('auth', 'auth', 'neither PLAIN nor LOGIN is offered');
    for (const [index, step] of steps.entries()) {
      const reply = await this.command('auth', step);
      if (isStopped(reply)) return reply;
      const wanted = index === steps.length - 1 ? 235 : 334;
      if (reply.code !== wanted) return refusedBy('auth', reply);
    }
    return null;
  }

  private async command(stage: SmtpStage, line: string | Buffer): Promise<RawReply | Failed> {
    this.channel.expect(1);
    if (typeof line === 'string') this.channel.write(`${line}\r\n`);
    else this.channel.writeAndWipe(line);
    const answer = await this.channel.read(this.patience[stage]);
    return isBroken(answer) ? failed(stage, answer.reason, answer.detail) : answer;
  }
}

const NUL = Buffer.alloc(1);

/** A line of base64 in bytes that can be wiped; wipes the parts. */
function encoded(prefix: string, ...parts: readonly Buffer[]): Buffer {
  const plain = Buffer.concat(parts);
  const line = Buffer.from(`${prefix}${plain.toString('base64')}\r\n`, 'latin1');
  for (const bytes of [plain, ...parts]) bytes.fill(0);
  return line;
}

import { addressOf } from '../domain/address.ts';
import { type DeliveryOutcome, isLogInLost, type SmtpStage } from '../domain/reply.ts';
import type { Abortable } from './abortable.ts';
import { type Channel, isBroken } from './channel.ts';
import { FINAL_DOT, stuffDots } from './dot-stuffing.ts';
import { type Capabilities, type Endpoint, type Link, openSession, type Session } from './handshake.ts';
import type { Credentials, OutgoingMail } from './mail.ts';
import { acceptedBy, type Failed, failed, isPositive, type Refused, refusedBy } from './outcome.ts';
import type { Patience } from './patience.ts';

/**
 * A message up to this size leaves in one write together with its final dot. A larger one is handed over block by block,
 * and its dot only once the system has taken the rest: a connection that breaks before then has certainly not delivered.
 */
export const ONE_WRITE_BYTES_MAX = 65_536;

const START_OF_DATA = 354;
const CLOSING = 421;

/** One open, logged-in connection. Takes one mail at a time. */
export class SmtpConnection {
  private readonly channel: Channel;
  private readonly capabilities: Capabilities;
  private readonly patience: Patience;
  private closing = false;
  /** As whom it logged in; null: nobody asked. */
  readonly credentials: Credentials | null;
  private transactionOpen = false;
  private taken = 0;

  private constructor(session: Session, credentials: Credentials | null, patience: Patience) {
    this.credentials = credentials;
    this.channel = session.channel;
    this.capabilities = session.capabilities;
    this.patience = patience;
  }

  /** Opens one, ready for mail; see `openSession`. */
  static async open(
    endpoint: Endpoint,
    credentials: Credentials | null,
    patience: Patience,
    abortable?: Abortable,
    begun?: (link: Link) => void,
  ): Promise<SmtpConnection | Refused | Failed> {
    const opened = await openSession(endpoint, credentials, patience, abortable, begun);
    return 'kind' in opened ? opened : new SmtpConnection(opened, credentials, patience);
  }

  /** Mails that were offered over it. */
  get mails(): number {
    return this.taken;
  }

  /** False where the next mail needs another connection. */
  get usable(): boolean {
    return !this.closing && this.channel.failure === null && this.channel.quiet;
  }

  /** Called once, when the connection is lost, also while it is idle. */
  set onLost(callback: () => void) {
    this.channel.onBroken = callback;
  }

  /** Offers one mail; see `Courier.deliver`. */
  async deliver(
    mail: OutgoingMail,
    abortable?: Abortable,
    failpoint?: (name: string) => void,
  ): Promise<DeliveryOutcome> {
    const impossible = this.impossible(mail);
    if (impossible !== null) return impossible;
    this.taken += 1;
    abortable?.during(() => this.channel.fail('aborted'));
    const stopped = await this.envelope(mail);
    const outcome = stopped ?? (await this.content(mail.message, failpoint));
    abortable?.over();
    return outcome;
  }

  /** Says QUIT and closes. What the server answers changes nothing. Settles when the connection is gone. */
  quit(): Promise<void> {
    this.closing = true;
    this.channel.end('QUIT\r\n');
    return this.channel.gone;
  }

  /** True where nobody on the way can read what goes over it. */
  get secure(): boolean {
    return this.channel.secure;
  }

  private impossible(mail: OutgoingMail): Failed | null {
    const { smtputf8, eightBitMime, sizeMax } = this.capabilities;
    if (mail.smtputf8 && !smtputf8) return failed('mail', 'no-smtputf8');
    if (mail.eightBit && !eightBitMime) return failed('mail', 'no-8bitmime');
    if (sizeMax !== null && mail.message.length > sizeMax) return failed('mail', 'too-big', `SIZE ${sizeMax}`);
    return null;
  }

  private mailLine(mail: OutgoingMail): string {
    let line = `MAIL FROM:<${mail.from === null ? '' : addressOf(mail.from)}>`;
    if (this.capabilities.sizeMax !== null) line += ` SIZE=${mail.message.length}`;
    if (mail.eightBit) line += ' BODY=8BITMIME';
    if (mail.smtputf8) line += ' SMTPUTF8';
    return `${line}\r\n`;
  }

  /** MAIL, RCPT and DATA, in one packet where the server allows that (RFC 2920). Null: the server waits for the message. */
  private async envelope(mail: OutgoingMail): Promise<Refused | Failed | null> {
    const steps: [SmtpStage, string][] = [
      ['mail', this.mailLine(mail)],
      ['rcpt', `RCPT TO:<${addressOf(mail.to)}>\r\n`],
      ['data', 'DATA\r\n'],
    ];
    // A refused recipient leaves the transaction open; what the server says to RSET belongs to the next mail.
    if (this.transactionOpen) steps.unshift(['mail', 'RSET\r\n']);
    this.transactionOpen = true;
    const { pipelining } = this.capabilities;
    if (pipelining) {
      this.channel.expect(steps.length);
      this.channel.write(steps.map(([, line]) => line).join(''));
    }
    let refused: Refused | Failed | null = null;
    for (const [stage, line] of steps) {
      if (!pipelining) {
        this.channel.expect(1);
        this.channel.write(line);
      }
      const answer = await this.channel.read(this.patience[stage]);
      // Once a command is refused, what becomes of those sent along with it changes nothing.
      if (isBroken(answer)) return refused ?? failed(stage, answer.reason, answer.detail);
      if (stage === 'data' && answer.code === START_OF_DATA) {
        // It takes a message that has no sender or recipient. Not even an empty one is for it (RFC 2920 section 3.1).
        if (refused !== null) this.spoil();
        return refused;
      }
      if (stage === 'data' || !isPositive(answer)) refused ??= this.refusal(stage, answer);
      if (refused !== null && (this.closing || !pipelining)) return refused;
    }
    return refused;
  }

  private refusal(stage: SmtpStage, raw: { readonly code: number; readonly lines: readonly string[] }) {
    const outcome = refusedBy(stage, raw);
    if (raw.code === CLOSING || outcome.kind === 'failed' || isLogInLost(outcome)) this.spoil();
    return outcome;
  }

  private async content(message: Buffer, failpoint?: (name: string) => void): Promise<DeliveryOutcome> {
    const stuffed = stuffDots(message);
    if (this.isInterrupted) return this.interrupted();
    this.channel.expect(1);
    if (stuffed.length <= ONE_WRITE_BYTES_MAX) {
      this.channel.writeTogether(stuffed, FINAL_DOT);
    } else {
      await this.channel.writeBlocks(stuffed, this.patience.body);
      if (this.isInterrupted) return this.interrupted();
      failpoint?.('smtp-before-dot');
      this.channel.writeTogether(FINAL_DOT);
    }
    failpoint?.('smtp-after-dot');
    const answer = await this.channel.read(this.patience.dot);
    if (isBroken(answer)) return failed('dot', answer.reason, answer.detail);
    this.transactionOpen = false;
    failpoint?.('smtp-answered');
    if (isPositive(answer)) return acceptedBy(answer);
    return this.refusal('dot', answer);
  }

  /** A reply before the dot is the server's last word: it has stopped listening. */
  private get isInterrupted(): boolean {
    return this.channel.replied || this.channel.failure !== null;
  }

  private async interrupted(): Promise<DeliveryOutcome> {
    const answer = await this.channel.read(this.patience.body);
    if (isBroken(answer)) return failed('body', answer.reason, answer.detail);
    this.spoil();
    return refusedBy('body', answer);
  }

  private spoil(): void {
    this.closing = true;
    if (this.channel.failure === null) this.channel.part();
  }
}

import { type Behaviour, type Stage, writeReply } from './behaviour.ts';
import { ehloLines, framingProblem, isAscii, isMailParameter, parseAddress, parsePath } from './commands.ts';
import { type MessageDefect, MessageReader } from './message-reader.ts';
import { perform, takesMessage } from './misbehave.ts';
import { AuthDialogue, type AuthStep } from './sasl.ts';
import type { Connection, Setting } from './setting.ts';
import { EXTENSIONS, type Extension, type SiteRule } from './site-behaviour.ts';
import { Transaction } from './transaction.ts';
import type { Reader, Wire } from './wire.ts';

const RECIPIENTS_MAX = 100;
const ERRORS_MAX = 20;
const LF = 0x0a;
const NOTHING: ReadonlySet<Extension> = new Set();
/** Before EHLO nothing is known of a client that sends ahead; it is let be. */
const NOTHING_YET: ReadonlySet<Extension> = new Set(['PIPELINING']);

const OK = '250 2.0.0 OK\r\n';
const RECIPIENT_OK = '250 2.1.5 OK\r\n';
const SENDER_OK = '250 2.1.0 OK\r\n';
const GO_ON = '354 End data with <CR><LF>.<CR><LF>\r\n';
const DEFECTS: Readonly<Record<MessageDefect, string>> = {
  'bare-cr-or-lf': '554 5.6.0 Message holds a bare CR or LF\r\n',
  'line-too-long': '554 5.6.0 Message holds a line of more than 998 octets\r\n',
  'too-big': '552 5.3.4 Message is too big\r\n',
};

/** One client's session: an ordinary, strict server, but for what addresses and sites ask for. */
export class Conversation implements Reader {
  private readonly wire: Wire;
  private readonly setting: Setting;
  private readonly connection: Connection;
  private readonly message: MessageReader;
  private source = '';
  private isGreeted = false;
  private offered: ReadonlySet<Extension> = NOTHING_YET;
  /** Among the connections of its client: from the greeting on. */
  private isCounted = false;
  private isSecure: boolean;
  private isLoggedIn = false;
  /** The greeting was a refusal: only QUIT is left. */
  private isRefused = false;
  private errors = 0;
  private auth: AuthDialogue | null = null;
  /** In which it logged in. */
  private session = 0;
  private transaction: Transaction | null = null;
  private isInMessage = false;
  private bodyBehaviour: Behaviour | null = null;

  constructor(wire: Wire, setting: Setting, connection: Connection, isSecure: boolean) {
    this.wire = wire;
    this.setting = setting;
    this.connection = connection;
    this.isSecure = isSecure;
    this.message = new MessageReader(setting.sizeMax, setting.journal.keepsRaw);
  }

  greet(): void {
    const client = this.setting.clients.at(this.connection.ip);
    client.connectionsOpen++;
    this.isCounted = true;
    client.connectionsPeak = Math.max(client.connectionsPeak, client.connectionsOpen);
    const isTooMany = client.connectionsOpen > this.setting.clientConnectionsMax;
    if (isTooMany || this.setting.totals.connectionsOpen > this.setting.connectionsMax) {
      this.wire.say('421 4.3.2 Too many connections\r\n');
      this.bye();
      return;
    }
    this.isRefused = !this.answer('greeting', `220 ${this.setting.hostName} ESMTP mailbox simulator\r\n`);
  }

  closed(): void {
    this.connection.leave();
    this.setting.totals.connectionsOpen--;
    this.part();
  }

  /** Ends it from this side: it is none of its client's any more, whenever the system notices that it is closed. */
  private bye(): void {
    this.part();
    this.wire.end();
  }

  private part(): void {
    if (this.isCounted) this.setting.clients.at(this.connection.ip).connectionsOpen--;
    this.isCounted = false;
  }

  idle(): void {
    this.wire.say('421 4.4.2 Nothing came for too long\r\n');
    this.bye();
  }

  read(bytes: Buffer, start: number): number {
    if (this.isInMessage) return this.readMessage(bytes, start);
    const lineFeed = bytes.indexOf(LF, start);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    const problem = framingProblem(bytes, start, lineFeed, this.offered.has('PIPELINING'));
    if (problem !== null) {
      this.breakOff(problem);
      return bytes.length;
    }
    if (lineFeed < 0) return start;
    const line = bytes.toString('utf8', start, lineFeed - 1);
    if (this.auth === null) this.command(line, end < bytes.length);
    else this.answerAuth(line);
    return end;
  }

  private command(line: string, hasMore: boolean): void {
    const space = line.indexOf(' ');
    const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
    const rest = space < 0 ? '' : line.slice(space + 1);
    if (this.isRefused && verb !== 'QUIT') return this.refuse('503 5.5.1 Only QUIT is left\r\n');
    switch (verb) {
      case 'MAIL':
        return this.mail(rest);
      case 'RCPT':
        return this.recipient(rest);
      case 'DATA':
        return this.data(rest, hasMore);
      case 'EHLO':
      case 'HELO':
        return this.hello(verb, rest);
      case 'STARTTLS':
        return this.startTls(hasMore);
      case 'AUTH':
        return this.beginAuth(rest);
      case 'RSET':
        this.transaction = null;
        return this.wire.say(OK);
      case 'NOOP':
        return this.wire.say(OK);
      case 'VRFY':
        return this.wire.say('252 2.5.2 Try it and see\r\n');
      case 'QUIT':
        if (this.answer('quit', '221 2.0.0 Bye\r\n')) this.bye();
        return;
      default:
        return this.refuse('500 5.5.2 Unknown command\r\n');
    }
  }

  private hello(verb: string, name: string): void {
    if (name === '' || /[^!-~]/.test(name)) return this.refuse('501 5.5.4 A name is needed\r\n');
    this.source = name.toLowerCase().slice(0, 255);
    this.transaction = null;
    this.offered = verb === 'EHLO' ? this.offer() : NOTHING;
    const lines = [`${this.setting.hostName} greets ${name}`, ...ehloLines(this.setting.sizeMax, this.offered)];
    if (!this.answer('ehlo', writeReply({ code: 250, enhancedCode: null, lines }))) return;
    this.isGreeted = true;
  }

  private startTls(hasMore: boolean): void {
    const { secureContext } = this.setting;
    if (secureContext === null || !this.offered.has('STARTTLS')) return this.refuse('502 5.5.1 No STARTTLS here\r\n');
    // RFC 3207 section 6: what was sent ahead in the clear would be taken for something that came under TLS.
    if (hasMore) return this.breakOff('503 5.5.1 Nothing may follow STARTTLS\r\n');
    const behaviour = this.behaviourAt('tls');
    const ready = '220 2.0.0 Go ahead\r\n';
    if (behaviour !== null && behaviour.kind !== 'refuse') this.wire.say(ready);
    if (behaviour !== null && !perform(this.wire, behaviour, '')) return;
    if (behaviour === null) this.wire.say(ready);
    this.isGreeted = false;
    this.offered = NOTHING_YET;
    this.transaction = null;
    this.wire.secure(secureContext, () => {
      this.isSecure = true;
    });
  }

  private beginAuth(rest: string): void {
    const { auth } = this.setting;
    if (auth === null || !this.offered.has('AUTH')) return this.refuse('502 5.5.1 No AUTH here\r\n');
    if (this.isLoggedIn || this.transaction !== null) return this.refuse('503 5.5.1 Not now\r\n');
    const [mechanism = '', initial] = rest.split(' ');
    const name = mechanism.toUpperCase();
    if (!AuthDialogue.knows(name)) return this.refuse('504 5.5.4 Unknown mechanism\r\n');
    this.auth = new AuthDialogue(name, auth);
    this.stepAuth(this.auth.begin(initial ?? null));
  }

  private answerAuth(line: string): void {
    if (line !== '*') return this.stepAuth((this.auth as AuthDialogue).answer(line));
    this.auth = null;
    this.refuse('501 5.7.0 Given up\r\n');
  }

  private stepAuth(step: AuthStep): void {
    if (step.kind === 'challenge') return this.wire.say(`334 ${step.text}\r\n`);
    this.auth = null;
    if (step.kind === 'malformed') return this.refuse('501 5.5.2 Not base64\r\n');
    this.setting.logIns[step.accepted ? 'accepted' : 'refused']++;
    if (!step.accepted) return this.wire.say('535 5.7.8 Wrong user or password\r\n');
    this.isLoggedIn = this.answer('auth', '235 2.7.0 Welcome\r\n');
    this.session = this.setting.session;
  }

  private mail(rest: string): void {
    const { setting } = this;
    if (!this.isGreeted) return this.refuse('503 5.5.1 EHLO first\r\n');
    if (setting.tlsRequired && !this.isSecure) return this.refuse('530 5.7.0 STARTTLS first\r\n');
    const isKnown = this.isLoggedIn && this.session === setting.session;
    if (setting.auth !== null && !isKnown) return this.refuse('530 5.7.0 AUTH first\r\n');
    if (this.transaction !== null) return this.refuse('503 5.5.1 MAIL was said already\r\n');
    const command = /^FROM:/i.test(rest) ? parsePath(rest.slice(5)) : null;
    if (command === null) return this.refuse('501 5.5.4 MAIL FROM:<path> is expected\r\n');
    const { path, parameters } = command;
    if (path !== '' && parseAddress(path) === null) return this.refuse('501 5.1.7 That is no address\r\n');
    const unknown = [...parameters].find(([name, value]) => !isMailParameter(name, value, this.offered));
    if (unknown) return this.refuse(`555 5.5.4 Unknown parameter ${unknown[0]}\r\n`);
    const smtputf8 = parameters.has('SMTPUTF8');
    if (!smtputf8 && !isAscii(path)) return this.refuse('553 5.6.7 That address needs SMTPUTF8\r\n');
    if (Number(parameters.get('SIZE') ?? 0) > setting.sizeMax) return this.refuse(DEFECTS['too-big']);
    if (!this.answer('mail', SENDER_OK)) return;
    this.transaction = new Transaction(setting, this.connection, { source: this.source, from: path, smtputf8 });
  }

  private recipient(rest: string): void {
    const { transaction } = this;
    if (transaction === null) return this.refuse('503 5.5.1 MAIL first\r\n');
    const command = /^TO:/i.test(rest) ? parsePath(rest.slice(3)) : null;
    if (command === null) return this.refuse('501 5.5.4 RCPT TO:<path> is expected\r\n');
    if (command.parameters.size > 0) return this.refuse('555 5.5.4 Unknown parameter\r\n');
    const address = parseAddress(command.path);
    if (address === null) return this.refuse('501 5.1.3 That is no address\r\n');
    if (!transaction.smtputf8 && !isAscii(command.path)) {
      return this.refuse('553 5.6.7 That address needs SMTPUTF8\r\n');
    }
    if (transaction.recipientCount >= RECIPIENTS_MAX) return this.wire.say('452 4.5.3 Too many recipients\r\n');
    const admission = transaction.admit(address);
    if (admission.kind === 'friendly') return this.wire.say(RECIPIENT_OK);
    if (admission.kind === 'behaves') {
      if (perform(this.wire, admission.behaviour, RECIPIENT_OK)) admission.join();
      return;
    }
    this.wire.say(writeReply(admission.reply));
    if (admission.reply.code === 421) this.bye();
  }

  private data(rest: string, hasMore: boolean): void {
    const { transaction } = this;
    if (transaction === null) return this.refuse('503 5.5.1 MAIL first\r\n');
    if (rest !== '') return this.refuse('501 5.5.4 DATA stands alone\r\n');
    if (transaction.recipientCount === 0) return this.wire.say('554 5.5.1 No recipient was taken\r\n');
    // Whoever does not wait for the 354 would have its message read as commands where DATA is refused.
    if (hasMore) return this.breakOff('554 5.5.0 Wait for the reply to DATA\r\n');
    const behaviour = transaction.behaviourAt('data');
    if (behaviour !== null && !perform(this.wire, behaviour, GO_ON)) {
      this.transaction = null;
      return;
    }
    if (behaviour === null) this.wire.say(GO_ON);
    this.message.reset();
    this.bodyBehaviour = transaction.behaviourAt('body');
    this.isInMessage = true;
  }

  private readMessage(bytes: Buffer, start: number): number {
    if (this.bodyBehaviour !== null) {
      perform(this.wire, this.bodyBehaviour, '');
      this.bodyBehaviour = null;
      if (!this.wire.isOpen) return bytes.length;
    }
    const end = this.message.read(bytes, start);
    if (end < 0) return bytes.length;
    this.isInMessage = false;
    const transaction = this.transaction as Transaction;
    this.transaction = null;
    this.endMessage(transaction);
    return end;
  }

  private endMessage(transaction: Transaction): void {
    const { defect } = this.message;
    if (defect !== null) return this.refuse(DEFECTS[defect]);
    const atDot = transaction.behaviourAt('dot');
    if (atDot !== null && !takesMessage(atDot)) return void perform(this.wire, atDot, OK);
    const taken = `250 2.0.0 Taken as ${transaction.take(this.message)}\r\n`;
    if (atDot === null) this.wire.say(taken);
    else if (!perform(this.wire, atDot, taken)) return;
    const after = transaction.behaviourAt('accepted');
    if (after !== null && this.wire.isOpen) perform(this.wire, after, '');
  }

  /** What a client should not have done. */
  private refuse(text: string): void {
    this.setting.totals.protocolErrors++;
    this.wire.say(text);
    if (++this.errors < ERRORS_MAX) return;
    this.wire.say('421 4.7.0 Too many errors\r\n');
    this.bye();
  }

  /** What cannot be gone on from. */
  private breakOff(text: string): void {
    this.setting.totals.protocolErrors++;
    this.wire.say(text);
    this.bye();
  }

  private answer(stage: Stage, friendly: string): boolean {
    const behaviour = this.behaviourAt(stage);
    if (behaviour !== null) return perform(this.wire, behaviour, friendly);
    this.wire.say(friendly);
    return true;
  }

  /** What EHLO announces. It holds until the next one, whatever a site is told meanwhile: a client goes by what it was told. */
  private offer(): ReadonlySet<Extension> {
    const { setting } = this;
    const withheld = new Set(setting.without);
    for (const { without } of this.listenerRules()) for (const each of without) withheld.add(each);
    if (setting.tls !== 'starttls' || this.isSecure) withheld.add('STARTTLS');
    if (setting.auth === null) withheld.add('AUTH');
    return new Set(EXTENSIONS.filter((each) => !withheld.has(each)));
  }

  private behaviourAt(stage: Stage): Behaviour | null {
    for (const { behaviour } of this.listenerRules()) if (behaviour?.stage === stage) return behaviour;
    return null;
  }

  private listenerRules(): readonly SiteRule[] {
    const { sites, now } = this.setting;
    return sites.ofListener(this.connection.ownSite, this.source, now());
  }
}

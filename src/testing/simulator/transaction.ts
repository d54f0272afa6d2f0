import { SECOND_MS } from '../../domain/time.ts';
import { type Behaviour, behaviourOfLocalPart, type ReplyText, type Stage } from './behaviour.ts';
import type { RecipientAddress } from './commands.ts';
import { readNames } from './header-fields.ts';
import type { MessageReader } from './message-reader.ts';
import { labelOf } from './misbehave.ts';
import type { Connection, Setting } from './setting.ts';
import { countUp, type Pair, type Site } from './sites.ts';

interface Recipient {
  readonly address: string;
  readonly domain: string;
  readonly site: Site;
  readonly pair: Pair;
  readonly behaviour: Behaviour | null;
}

/** Whether a recipient may come in, and what is done with it. */
export type Admission =
  | { readonly kind: 'friendly' }
  | { readonly kind: 'refused'; readonly reply: ReplyText }
  /** Done at RCPT; `recipient` joins the transaction where the conversation then goes on. */
  | { readonly kind: 'behaves'; readonly behaviour: Behaviour; readonly join: () => void };

const reply = (code: number, enhancedCode: string, text: string): ReplyText => ({ code, enhancedCode, lines: [text] });
const TOO_MANY_CONNECTIONS = reply(421, '4.7.0', 'Too many connections to this site');
const TOO_MANY_MESSAGES = reply(421, '4.7.0', 'Too many messages in this connection');
const GREYLISTED = reply(451, '4.7.1', 'Greylisted, please try again later');
const TOO_FAST = reply(421, '4.7.28', 'Too many messages from this source, slow down');

/** True where so many have been taken within the last second. */
function isBurst({ lately }: Pair, burstMax: number, now: number): boolean {
  while (lately.length > 0 && (lately[0] as number) <= now - SECOND_MS) lately.shift();
  return lately.length >= burstMax;
}

/** One mail between MAIL and the reply to its final dot. */
export class Transaction {
  readonly from: string;
  readonly smtputf8: boolean;
  private readonly recipients: Recipient[] = [];
  private readonly setting: Setting;
  private readonly connection: Connection;
  private readonly source: string;

  constructor(setting: Setting, connection: Connection, envelope: { source: string; from: string; smtputf8: boolean }) {
    this.setting = setting;
    this.connection = connection;
    this.source = envelope.source;
    this.from = envelope.from;
    this.smtputf8 = envelope.smtputf8;
  }

  get recipientCount(): number {
    return this.recipients.length;
  }

  /** Decides about one recipient. The site's rules come first, then what the address asks for. */
  admit({ address, localPart, domain }: RecipientAddress): Admission {
    const { setting, connection, source } = this;
    const now = setting.now();
    const site = setting.sites.at(domain);
    const pair = setting.sites.pair(site, source);
    site.attempts++;
    pair.attemptsTotal++;
    pair.attempts.add(now);
    const rule = setting.sites.rule(domain, source, now);
    const refusal = !connection.visit(site, rule?.connectionsMax ?? Number.POSITIVE_INFINITY)
      ? TOO_MANY_CONNECTIONS
      : rule === null
        ? null
        : connection.messagesTo(site) >= rule.messagesPerConnectionMax
          ? TOO_MANY_MESSAGES
          : pair.granted.count(now) >= rule.ratePerMinute || isBurst(pair, rule.burstMax, now)
            ? TOO_FAST
            : this.isGreylisted(rule.greylistMs, address, now)
              ? GREYLISTED
              : null;
    if (refusal !== null) return this.refuse(site, refusal);
    const behaviour = rule?.behaviour ?? behaviourOfLocalPart(localPart);
    const join = () => {
      if (rule !== null) pair.granted.add(now);
      if (rule !== null && rule.burstMax < Number.POSITIVE_INFINITY) pair.lately.push(now);
      this.recipients.push({ address, domain, site, pair, behaviour });
    };
    if (behaviour?.stage === 'rcpt' && this.isActive(behaviour, address)) {
      if (behaviour.kind === 'limit') return this.refuse(site, TOO_MANY_MESSAGES);
      countUp(site.otherwise, labelOf(behaviour));
      return { kind: 'behaves', behaviour, join };
    }
    join();
    return { kind: 'friendly' };
  }

  /** What the first recipient that has something for this stage asks for. */
  behaviourAt(stage: Stage): Behaviour | null {
    for (const { behaviour, address, site } of this.recipients) {
      if (behaviour?.stage !== stage || !this.isActive(behaviour, address)) continue;
      countUp(site.otherwise, labelOf(behaviour));
      return behaviour;
    }
    return null;
  }

  /** Journals the message for every recipient; answers the number that it goes by. */
  take(message: MessageReader): number {
    const { setting, connection, source, from } = this;
    const at = setting.now();
    const { jobId, messageId } = readNames(message.header());
    // A copy of its own size: what was read may lie in a larger piece of memory.
    const raw = setting.journal.keepsRaw ? Buffer.from(message.message()) : null;
    const { bytes } = message;
    let number = 0;
    connection.messages++;
    for (const { address, domain, site, pair } of this.recipients) {
      site.messages++;
      pair.messagesTotal++;
      pair.messages.add(at);
      connection.countMessage(site);
      setting.totals.messages++;
      setting.totals.bytes += bytes;
      number = setting.journal.append(
        { jobId, recipient: address, messageId, source, at, site: domain, ip: connection.ip, from, bytes },
        raw,
      );
    }
    return number;
  }

  private isGreylisted(delayMs: number, address: string, now: number): boolean {
    if (delayMs === 0) return false;
    return this.setting.greylist.holdsBack(`${this.connection.ip} ${this.from} ${address}`, delayMs, now);
  }

  private refuse(site: Site, refusal: ReplyText): Admission {
    countUp(site.otherwise, String(refusal.code));
    return { kind: 'refused', reply: refusal };
  }

  /** A deferral ends after so many times, and a limit begins after so many messages. */
  private isActive(behaviour: Behaviour, address: string): boolean {
    if (behaviour.kind === 'limit') return this.connection.messages >= behaviour.messagesMax;
    if (behaviour.kind !== 'refuse' || behaviour.times === Number.POSITIVE_INFINITY) return true;
    return this.setting.deferrals.another(address.toLowerCase(), behaviour.times);
  }
}

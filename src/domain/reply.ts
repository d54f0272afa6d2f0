/** How far a conversation with a mail server had come, in the order of RFC 5321. */
export const SMTP_STAGES = [
  'connect', // TCP, and TLS where it is implicit
  'greeting',
  'ehlo',
  'tls', // STARTTLS and its handshake
  'auth',
  'mail',
  'rcpt',
  'data', // waiting for 354
  'body', // message bytes are going out, the final dot is not
  'dot', // the final dot may have gone out, its reply has not come
  'quit',
] as const;
export type SmtpStage = (typeof SMTP_STAGES)[number];

/** Most octets of a reply's text that are kept. */
export const REPLY_TEXT_BYTES_MAX = 512;

/** What a server said. */
export interface Reply {
  /** 200 … 599. */
  readonly code: number;
  /** Such as `5.1.1` (RFC 3463); null where the reply has none, or one of another class than its code. */
  readonly enhancedCode: string | null;
  /** Its lines joined by spaces, without enhanced codes, without control characters, at most 512 octets of UTF-8. */
  readonly text: string;
}

/** Why there was no reply, or why the mail could not be offered at all. */
export type FailureReason =
  | 'refused-connection' // nobody listens there
  | 'unreachable' // no route, or the host's name does not resolve
  | 'null-mx' // the domain says that it takes no mail (RFC 7505)
  | 'no-such-domain' // it does not exist
  | 'no-address' // its exchangers have no address that this source can connect to
  | 'private-address' // all of their addresses are private, and those are not talked to
  | 'dns' // the name service does not say
  | 'timeout'
  | 'reset' // the other side ended or reset the connection
  | 'tls' // no TLS where it is required, or its handshake or certificate failed
  | 'auth' // no way to log in: no mechanism in common, no credentials, or no TLS to send them over
  | 'garbage' // what came is no SMTP reply, or none that belongs here
  | 'no-smtputf8' // the mail needs SMTPUTF8, and the server lacks it
  | 'no-8bitmime' // the mail holds 8-bit data, and the server lacks 8BITMIME
  | 'too-big' // larger than the server's SIZE
  | 'aborted' // by us: the signal, or the watchdog
  | 'circuit-open' // not tried: the circuit is open
  | 'elsewhere' // not tried: the mail exchangers are another site's than the one whose limits it was given
  | 'no-capacity' // not tried: too many already wait for a connection
  | 'stopped'; // not tried: the courier is closed

/** What came of one attempt to hand over one mail. */
export type DeliveryOutcome =
  | { readonly kind: 'accepted'; readonly reply: Reply }
  | { readonly kind: 'refused'; readonly stage: SmtpStage; readonly reply: Reply }
  | {
      readonly kind: 'failed';
      readonly stage: SmtpStage;
      readonly reason: FailureReason;
      /** True where the final dot may have gone out: the server may have taken the mail. */
      readonly afterDot: boolean;
      /** For people: such as a system's error code. Holds no address and no text of ours that a bounce rule could match. */
      readonly detail: string | null;
    };

const NOT_TRIED: ReadonlySet<FailureReason> = new Set(['circuit-open', 'elsewhere', 'no-capacity', 'stopped']);

/** True where nothing went over the wire, so that the attempt does not count as one. */
export const wasNotTried = (outcome: DeliveryOutcome): boolean =>
  outcome.kind === 'failed' && NOT_TRIED.has(outcome.reason);

/** True where the same mail cannot pass this server, however often it is tried. */
export const isImpossible = (outcome: DeliveryOutcome): boolean =>
  outcome.kind === 'failed' &&
  (outcome.reason === 'no-smtputf8' || outcome.reason === 'no-8bitmime' || outcome.reason === 'too-big');

/** RFC 4954 section 6: log in first, and the log-in is not accepted. */
const LOG_IN_CODES: ReadonlySet<number> = new Set([530, 535]);

/** True where the server will not know us, or not any more: it says so at AUTH, or instead of taking a mail. */
export const isLogInLost = (outcome: DeliveryOutcome): boolean =>
  outcome.kind === 'refused' &&
  (LOG_IN_CODES.has(outcome.reply.code) || (outcome.stage === 'auth' && outcome.reply.code >= 500));

const NAME_FAULTS: readonly FailureReason[] = ['null-mx', 'no-such-domain', 'no-address', 'private-address', 'dns'];

/** True where it is the name service that stands in the way: no server was asked. */
export const isNameFault = (outcome: DeliveryOutcome): boolean =>
  outcome.kind === 'failed' && NAME_FAULTS.includes(outcome.reason);

/**
 * True where the outcome speaks against the server or the way to it, not about a mail or a recipient: connection errors,
 * time-outs, 421 and 530 at any stage, and refusals before there was a mail.
 */
export function isSiteFailure(outcome: DeliveryOutcome): boolean {
  if (outcome.kind === 'accepted') return false;
  if (outcome.kind === 'refused') {
    return (
      outcome.reply.code === 421 ||
      isLogInLost(outcome) ||
      SMTP_STAGES.indexOf(outcome.stage) < SMTP_STAGES.indexOf('mail')
    );
  }
  if (isNameFault(outcome)) return false;
  return !wasNotTried(outcome) && !isImpossible(outcome) && outcome.reason !== 'aborted';
}

/** True where it speaks against the server as a whole: there was no conversation in which a mail could be offered. */
export const isServerFailure = (outcome: DeliveryOutcome): boolean =>
  isSiteFailure(outcome) &&
  outcome.kind !== 'accepted' &&
  (isLogInLost(outcome) || SMTP_STAGES.indexOf(outcome.stage) < SMTP_STAGES.indexOf('mail'));

const ENHANCED = /^([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:\s+|$)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it replaces
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]+/g;

/** The first `bytesMax` octets of a text as UTF-8, cut between characters. */
export function boundText(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (bytes > bytesMax) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Reads the texts of a reply's lines (without code and separator) into a `Reply`. */
export function readReply(code: number, lines: readonly string[]): Reply {
  let enhancedCode: string | null = null;
  const texts: string[] = [];
  for (const line of lines) {
    const found = ENHANCED.exec(line);
    // RFC 2034 section 4: both codes are of one class; another one is text.
    if (found && Number(found[1]) === Math.floor(code / 100)) {
      enhancedCode ??= `${found[1]}.${Number(found[2])}.${Number(found[3])}`;
      texts.push(line.slice(found[0].length));
    } else {
      texts.push(line);
    }
  }
  const text = texts.join(' ').replace(UNPRINTABLE, ' ').trim();
  return { code, enhancedCode, text: boundText(text.toWellFormed(), REPLY_TEXT_BYTES_MAX) };
}

import { HOUR_MS, type Millis, SECOND_MS } from '../../domain/time.ts';

/**
 * Where in a conversation something happens. `greeting` to `mail` and `quit` belong to a listener, since no recipient is
 * known there; the others can be chosen by a recipient address.
 */
export const STAGES = [
  'greeting', // instead of, or in, the 220 of a new connection
  'ehlo',
  'tls', // in answer to STARTTLS
  'auth',
  'mail',
  'rcpt',
  'data', // in answer to DATA, where 354 stands
  'body', // after the first octets of the message
  'dot', // in answer to the final dot
  'accepted', // after the message was taken and its 250 was written
  'quit',
] as const;
export type Stage = (typeof STAGES)[number];

const LISTENER_STAGES: ReadonlySet<Stage> = new Set(['greeting', 'ehlo', 'tls', 'auth', 'mail', 'quit']);

/** What the simulator does at one stage. Elsewhere it is an ordinary, friendly server. */
export type Behaviour =
  /** Says `reply`. After `times` such answers to one address it is friendly. A 421 also ends the connection. */
  | { readonly kind: 'refuse'; readonly stage: Stage; readonly reply: ReplyText; readonly times: number }
  /** Answers no more. `taken`: the message is journaled before. */
  | { readonly kind: 'hang'; readonly stage: Stage; readonly taken: boolean }
  /** Ends the connection: with FIN, or with RST. `half`: the first half of the reply goes out before. */
  | {
      readonly kind: 'cut';
      readonly stage: Stage;
      readonly taken: boolean;
      readonly half: boolean;
      readonly reset: boolean;
    }
  /** The friendly reply, later. */
  | { readonly kind: 'slow'; readonly stage: Stage; readonly delayMs: Millis }
  /** The friendly reply, one octet each `octetMs`. */
  | { readonly kind: 'tarpit'; readonly stage: Stage; readonly octetMs: Millis }
  /** The friendly reply, or `reply`, made as long as `lineBytes` with its CRLF. */
  | { readonly kind: 'long'; readonly stage: Stage; readonly lineBytes: number; readonly reply: ReplyText | null }
  /** Octets that are no SMTP reply. */
  | { readonly kind: 'garbage'; readonly stage: Stage }
  /** 421 from the message after the first `messagesMax` of a connection on. */
  | { readonly kind: 'limit'; readonly stage: 'rcpt'; readonly messagesMax: number }
  /** Nobody listens. */
  | { readonly kind: 'refuse-connections'; readonly stage: 'greeting' };

/** A reply before it is put on lines. */
export interface ReplyText {
  readonly code: number;
  readonly enhancedCode: string | null;
  /** One entry per line; one character per octet. */
  readonly lines: readonly string[];
}

/** True where the behaviour is a listener's: it cannot depend on a recipient. */
export const isOfListener = ({ stage }: Behaviour): boolean => LISTENER_STAGES.has(stage);

export const OCTET_MS_DEFAULT = SECOND_MS;
export const DELAY_MS_DEFAULT = SECOND_MS;
export const DELAY_MS_MAX = HOUR_MS;
export const LONG_LINE_BYTES_DEFAULT = 1_000;

const AT = '(?:-(greeting|ehlo|tls|auth|mail|rcpt|data|body|dot|accepted|quit))?';
const REPLY = '(?:-([45]\\d\\d))?(?:-([45]\\.\\d{1,3}\\.\\d{1,3}))?(?:-([^.]+))?';
/** Whatever follows makes an address unique, and means nothing. */
const FREE = '(?:\\..*)?$';

type Groups = readonly (string | undefined)[];
type Reading = readonly [pattern: RegExp, read: (groups: Groups) => Behaviour | null];
const reading = (pattern: string, read: (groups: Groups) => Behaviour | null): Reading => [
  new RegExp(`^${pattern}${FREE}`, 'is'),
  read,
];

const READINGS: readonly Reading[] = [
  reading(`reject${AT}${REPLY}`, ([, at, ...reply]) => refusal(at, reply, Number.POSITIVE_INFINITY, 5)),
  reading(`defer-(\\d{1,4})${AT}${REPLY}`, ([, times, at, ...reply]) => refusal(at, reply, Number(times), 4)),
  reading(`421${AT}(?:-([4]\\.\\d{1,3}\\.\\d{1,3}))?(?:-([^.]+))?`, ([, at, enhanced, text]) => ({
    kind: 'refuse',
    stage: stageOf(at, 'rcpt'),
    reply: replyOf('421', enhanced ?? '4.7.0', text),
    times: Number.POSITIVE_INFINITY,
  })),
  reading(`(cut|reset|hang)${AT}(-taken)?`, ([, verb, at, taken]) => ending(verb, at, taken !== undefined)),
  reading('(cut|reset)-reply', ([, verb]) => ({
    kind: 'cut',
    stage: 'dot',
    taken: true,
    half: true,
    reset: isReset(verb),
  })),
  reading(`slow(?:-(\\d{1,7}))?${AT}`, ([, delay, at]) => {
    const delayMs = Number(delay ?? DELAY_MS_DEFAULT);
    return delayMs > DELAY_MS_MAX ? null : goingOn({ kind: 'slow', stage: stageOf(at, 'dot'), delayMs });
  }),
  reading(`tarpit(?:-(\\d{1,5}))?${AT}`, ([, octet, at]) =>
    goingOn({ kind: 'tarpit', stage: stageOf(at, 'rcpt'), octetMs: Number(octet ?? OCTET_MS_DEFAULT) }),
  ),
  reading(`garbage${AT}`, ([, at]) => ({ kind: 'garbage', stage: stageOf(at, 'rcpt') })),
  reading(`long(?:-(\\d{1,5}))?${AT}${REPLY}`, ([, bytes, at, code, enhanced, text]) =>
    goingOn({
      kind: 'long',
      stage: stageOf(at, 'rcpt'),
      lineBytes: Number(bytes ?? LONG_LINE_BYTES_DEFAULT),
      reply: code === undefined ? null : replyOf(code, enhanced, text),
    }),
  ),
  reading('limit-(\\d{1,6})', ([, messages]) => ({ kind: 'limit', stage: 'rcpt', messagesMax: Number(messages) })),
  reading('refuse-connections', () => ({ kind: 'refuse-connections', stage: 'greeting' })),
];

/** Spares ordinary addresses the readings. */
const FIRST_WORD =
  /^(?:reject|defer|421|cut|reset|hang|slow|tarpit|garbage|long|limit|refuse-connections)(?![a-z0-9])/i;

/** Reads a behaviour's words, as docs/simulator.md has them; null where they are none. */
export function parseBehaviour(words: string): Behaviour | null {
  if (!FIRST_WORD.test(words)) return null;
  for (const [pattern, read] of READINGS) {
    const found = pattern.exec(words);
    if (found) return read(found);
  }
  return null;
}

/**
 * The behaviour that a recipient's local part asks for; null for an ordinary mailbox. `+tag` and `.anything` are free. One
 * of a listener's stages comes too late to matter.
 */
export function behaviourOfLocalPart(localPart: string): Behaviour | null {
  const tag = localPart.indexOf('+');
  return parseBehaviour(tag < 0 ? localPart : localPart.slice(0, tag));
}

const stageOf = (written: string | undefined, otherwise: Stage): Stage =>
  written === undefined ? otherwise : (written.toLowerCase() as Stage);

const isReset = (verb: string | undefined): boolean => verb?.toLowerCase() === 'reset';

/** There is no reply in the middle of a body, nor after acceptance. */
const replying = (behaviour: Behaviour): Behaviour | null =>
  behaviour.stage === 'body' || behaviour.stage === 'accepted' ? null : behaviour;

/** What goes on after a friendly reply needs a stage where something goes on. */
const goingOn = (behaviour: Behaviour): Behaviour | null =>
  behaviour.stage === 'tls' || behaviour.stage === 'quit' ? null : replying(behaviour);

function refusal(at: string | undefined, reply: Groups, times: number, firstDigit: 4 | 5): Behaviour | null {
  const stage = stageOf(at, 'rcpt');
  const [code, enhanced, text] = reply;
  const usual = firstDigit === 4 ? ['451', '4.7.1'] : stage === 'rcpt' ? ['550', '5.1.1'] : ['554', '5.7.1'];
  return replying({
    kind: 'refuse',
    stage,
    // A code that stands alone goes out alone; without any, the usual pair does.
    reply:
      code === undefined && enhanced === undefined
        ? replyOf(usual[0], usual[1], text)
        : replyOf(code ?? `${enhanced?.[0]}50`, enhanced, text),
    times,
  });
}

function ending(verb: string | undefined, at: string | undefined, takenSaid: boolean): Behaviour | null {
  if (at === undefined) return null;
  const stage = stageOf(at, 'rcpt');
  if (takenSaid && stage !== 'dot') return null;
  const taken = takenSaid || stage === 'accepted';
  return verb?.toLowerCase() === 'hang'
    ? { kind: 'hang', stage, taken }
    : { kind: 'cut', stage, taken, half: false, reset: isReset(verb) };
}

const USUAL_TEXT: Readonly<Record<string, string>> = {
  '4': 'Try again later, the simulator was asked to say so',
  '5': 'Refused, the simulator was asked to say so',
};

function replyOf(code = '550', enhancedCode: string | undefined, text: string | undefined): ReplyText {
  const lines = text === undefined ? [USUAL_TEXT[code[0] as string] as string] : decodeText(text);
  return { code: Number(code), enhancedCode: enhancedCode ?? null, lines };
}

/** `_` is a space, `~` begins a new line, `=2E` is the octet with that number. CR and LF cannot be said. */
const decodeText = (text: string): string[] => text.split('~').map(decodeLine);

const decodeLine = (line: string): string =>
  Buffer.from(line.replaceAll('_', ' '), 'utf8')
    .toString('latin1')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/[\r\n]/g, ' ');

/** Puts a reply on lines, each with code and enhanced code, as the large providers write them. */
export function writeReply({ code, enhancedCode, lines }: ReplyText): string {
  const prefix = enhancedCode === null ? '' : `${enhancedCode} `;
  return lines.map((line, index) => `${code}${index < lines.length - 1 ? '-' : ' '}${prefix}${line}\r\n`).join('');
}

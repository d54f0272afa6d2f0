/** The codes in a piece of text, and the words that come with them. */
export interface FoundReply {
  readonly smtpCode: number | null;
  readonly enhancedCode: string | null;
  readonly text: string;
}

/** Neither a piece of an IP address nor of a version. RFC 3463: class 2, 4 or 5; subject and detail of up to three digits. */
const ENHANCED = /(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)/;
/** A reply of a mail server at the beginning of a line, or after what servers write before it. */
const REPLY =
  /(?:^|[\n:"'(#>;=]|said|<<<|returned|respon(?:se|ded)|error|code|was|reason|Nachricht)[ \t"'(#]{0,4}([245]\d\d)(?=[- ]|[.:,)"'\n]|$)(?![- ]?\d{1,3}[.:]\d)(?!\.\d\.\d)[-. :,)]{0,3}/i;
const REPLY_ENHANCED = /(?<![\d.])([45]\d\d)[- ]{1,2}#?([245]\.\d{1,3}\.\d{1,3})(?!\d|\.\d)/;
/** How far before the code of a reply its enhanced code is looked for. */
const ENHANCED_BEFORE_LENGTH = 16;
/** Words after a reply that belong to it. */
const REPLY_LENGTH_MAX = 900;

/** The first enhanced code of a text; null where it has none. */
export function enhancedIn(text: string): string | null {
  const found = ENHANCED.exec(text);
  return found ? canonical(found[0]) : null;
}

/** Without leading zeros. */
export function canonical(code: string): string | null {
  const found = ENHANCED.exec(code);
  return found ? `${found[1]}.${Number(found[2])}.${Number(found[3])}` : null;
}

const paragraphFrom = (text: string, at: number): string => {
  const end = text.slice(at, at + REPLY_LENGTH_MAX).search(/\n[ \t]*\n/);
  return text.slice(at, at + (end < 0 ? REPLY_LENGTH_MAX : end));
};

const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Lines of one reply repeat its codes, also where they were joined to one. */
const withoutCodes = (text: string, code: number): string =>
  flat(
    text.replace(/(^|\s)(?:<<<[ \t]*)?([45]\d\d)[- ](?:#?[45]\.\d{1,3}\.\d{1,3}(?=\s))?/g, (whole, space, repeated) =>
      Number(repeated) === code ? space : whole,
    ),
  );

/** Finds what a mail server replied somewhere in a text: a refusal (4xx or 5xx) with its words. */
export function findReply(text: string): FoundReply | null {
  const both = REPLY_ENHANCED.exec(text);
  const plain = firstRefusal(text);
  if (both && (plain === null || both.index <= plain.at + 4)) {
    const after = paragraphFrom(text, both.index + both[0].length);
    const code = Number(both[1]);
    return { smtpCode: code, enhancedCode: canonical(both[2] as string), text: withoutCodes(after, code) };
  }
  if (plain) {
    const after = paragraphFrom(text, plain.end);
    // Exchange writes it before: `#5.1.1 smtp;550 …`.
    const before = enhancedIn(text.slice(Math.max(0, plain.at - ENHANCED_BEFORE_LENGTH), plain.at));
    return { smtpCode: plain.code, enhancedCode: enhancedIn(after) ?? before, text: withoutCodes(after, plain.code) };
  }
  const enhanced = /(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?!\d|\.\d)/.exec(text);
  if (!enhanced) return null;
  const around = text.slice(Math.max(0, enhanced.index - 200), enhanced.index);
  const line = around.slice(around.lastIndexOf('\n') + 1);
  const after = paragraphFrom(text, enhanced.index + enhanced[0].length);
  return { smtpCode: null, enhancedCode: canonical(enhanced[0]), text: flat(`${line} ${after}`) };
}

/** Replies that are looked at in one text. */
const TRIES_MAX = 30;

function firstRefusal(text: string): { readonly code: number; readonly at: number; readonly end: number } | null {
  let from = 0;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const found = REPLY.exec(text.slice(from));
    if (!found) return null;
    const at = from + found.index + found[0].indexOf(found[1] as string);
    const end = from + found.index + found[0].length;
    if (!(found[1] as string).startsWith('2')) return { code: Number(found[1]), at, end };
    from = end;
  }
  return null;
}

/** A diagnostic of a report (RFC 3464 section 2.3.6): what stands after its type. */
export function readDiagnostic(diagnostic: string): FoundReply {
  const text = diagnostic.replace(
    /^[ \t]*(?:x-[\w-]{1,30}|smtp|unknown|lmtp|utf-8|local|[\w-]{1,20})[ \t]*;[ \t]*/i,
    '',
  );
  const found = findReply(text);
  if (found) return { ...found, text: found.text || flat(text) };
  const accepted = /^[ \t]*(2\d\d)(?=[ -]|$)/.exec(text);
  return { smtpCode: accepted ? Number(accepted[1]) : null, enhancedCode: enhancedIn(text), text: flat(text) };
}

import {
  hasControlCharacter,
  type Mailbox,
  type NamedMailbox,
  parseMailbox,
  parseNamedMailbox,
} from '../domain/address.ts';
import { HEADER_NAMES_DEFAULT, isHeaderAllowed } from '../domain/job.ts';
import {
  FIELD_LENGTH_MAX,
  HTML_LENGTH_MAX,
  OPERATIONS_MAX,
  TEMPLATE_HEADERS_MAX,
  TEXT_LENGTH_MAX,
  type TemplateContent,
  type TemplateFault,
  type TemplateProblem,
} from '../domain/template.ts';
import { variablesOf } from './engine.ts';
import { compilePart, type Part } from './part.ts';
import { plainTextSource } from './plain-text.ts';

/** A template that was read and checked: what mails are made of. Holds no value of any mail. */
export interface CompiledTemplate {
  /** Who every mail of it is from; signed for, so no value reaches it. */
  readonly sender: Mailbox;
  readonly senderName: Part | null;
  readonly replyTo: { readonly name: Part | null; readonly address: Part } | null;
  readonly subject: Part;
  readonly unsubscribeLink: Part | null;
  readonly oneClick: boolean;
  readonly headers: readonly { readonly name: string; readonly part: Part }[];
  readonly html: Part | null;
  /** Given, or derived from the HTML. */
  readonly text: Part;
  /** Names that merge data may or must have, sorted. */
  readonly variables: readonly string[];
  /** Characters of its sources: what keeping it costs. */
  readonly length: number;
}

export type CompileResult =
  | { readonly ok: true; readonly template: CompiledTemplate }
  | { readonly ok: false; readonly fault: TemplateFault };

/** Ends the reading of a template at its first fault. */
class Refused extends Error {
  readonly fault: TemplateFault;
  constructor(problem: TemplateProblem, field: string, detail: string) {
    super(detail);
    this.fault = { problem, field, detail };
  }
}

/** Reads a template whole and answers the first thing that is wrong with it. Same content, same answer. */
export function compileTemplate(
  content: TemplateContent,
  headerNames: ReadonlySet<string> = HEADER_NAMES_DEFAULT,
): CompileResult {
  try {
    return { ok: true, template: compiled(content, headerNames) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, fault: error.fault };
    throw error;
  }
}

function compiled(content: TemplateContent, headerNames: ReadonlySet<string>): CompiledTemplate {
  const { html, text } = content;
  if (html === null && text === null) throw new Refused('content-missing', 'html', 'must have html, text, or both');
  if ((html?.length ?? 0) > HTML_LENGTH_MAX) throw tooLong('html', HTML_LENGTH_MAX);
  if ((text?.length ?? 0) > TEXT_LENGTH_MAX) throw tooLong('text', TEXT_LENGTH_MAX);
  const from = senderOf(content.from);
  const parts = {
    sender: from.mailbox,
    senderName: from.name,
    replyTo: content.replyTo === null ? null : replyToOf(content.replyTo),
    subject: headerPart('subject', content.subject),
    unsubscribeLink: content.unsubscribeLink === null ? null : headerPart('unsubscribeLink', content.unsubscribeLink),
    headers: headersOf(content, headerNames),
    html: html === null ? null : partOf('html', html, 'html'),
    text: textOf(content),
  };
  const all = [
    parts.senderName,
    parts.replyTo?.name ?? null,
    parts.replyTo?.address ?? null,
    parts.subject,
    parts.unsubscribeLink,
    ...parts.headers.map(({ part }) => part),
    parts.html,
    parts.text,
  ].filter((part) => part !== null);
  const operations = all.reduce((sum, part) => sum + part.operations, 0);
  if (operations > OPERATIONS_MAX) {
    const detail = `has ${operations} placeholders, tags and filters; ${OPERATIONS_MAX} are allowed`;
    throw new Refused('too-complex', 'html', detail);
  }
  return {
    ...parts,
    oneClick: content.oneClick,
    variables: variablesOf(all.flatMap(({ templates }) => templates)),
    length: (html?.length ?? 0) * 2 + (text?.length ?? 0),
  };
}

const tooLong = (field: string, lengthMax: number): Refused =>
  new Refused('too-long', field, `has more than ${lengthMax} characters`);

function partOf(field: string, source: string, writing: Part['writing'], oneLine = false): Part {
  const result = compilePart(field, source, writing, oneLine);
  if (!result.ok) throw new Refused(result.fault.problem, field, result.fault.detail);
  return result.part;
}

function headerPart(field: string, source: string): Part {
  if (source.length > FIELD_LENGTH_MAX) throw tooLong(field, FIELD_LENGTH_MAX);
  if (hasControlCharacter(source))
    throw new Refused('text-forbidden', field, 'holds a line break or a control character');
  return partOf(field, source, 'text', true);
}

/** Its own HTML said as text, where it has none; the reader of a template is told if that cannot be done. */
function textOf({ html, text }: TemplateContent): Part {
  if (text !== null) return partOf('text', text, 'text');
  try {
    return partOf('text', plainTextSource(html as string), 'text');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new Refused('syntax', 'text', `cannot be derived from html (${error.message}): give it`);
  }
}

const MARKUP = /\{[{%]/;
const WITH_ADDRESS = /^(.*?)<([^<>]*)>\s*$/s;
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/s;

/** A display name as a part, and the address behind it as it is written. */
function mailboxSource(field: string, written: string): { readonly name: Part | null; readonly address: string } {
  const found = WITH_ADDRESS.exec(written.trim());
  if (!found) return { name: null, address: written.trim() };
  const phrase = (found[1] as string).trim();
  const quoted = QUOTED.exec(phrase)?.[1];
  const name = quoted === undefined ? phrase : quoted.replace(/\\(.)/gs, '$1');
  return { name: name === '' ? null : headerPart(field, name), address: (found[2] as string).trim() };
}

function senderOf(written: string): { readonly name: Part | null; readonly mailbox: Mailbox } {
  if (written.length > FIELD_LENGTH_MAX) throw tooLong('from', FIELD_LENGTH_MAX);
  const plain = MARKUP.test(written) ? null : parsedNamed(written);
  if (plain) return { name: plain.name === '' ? null : headerPart('from', plain.name), mailbox: plain.mailbox };
  const { name, address } = mailboxSource('from', written);
  if (MARKUP.test(address)) {
    throw new Refused('sender-not-fixed', 'from', 'the address is what is signed for: no placeholder may stand in it');
  }
  const mailbox = parseMailbox(address);
  if (!mailbox.ok) throw new Refused('sender-invalid', 'from', 'must be one mailbox, with or without a display name');
  return { name, mailbox: mailbox.value };
}

function parsedNamed(written: string): NamedMailbox {
  const parsed = parseNamedMailbox(written);
  if (!parsed.ok) throw new Refused('sender-invalid', 'from', 'must be one mailbox, with or without a display name');
  return parsed.value;
}

function replyToOf(written: string): CompiledTemplate['replyTo'] {
  if (!MARKUP.test(written) && !parseNamedMailbox(written).ok) {
    throw new Refused('reply-to-invalid', 'replyTo', 'must be one mailbox, with or without a display name');
  }
  const { name, address } = mailboxSource('replyTo', written);
  return { name, address: headerPart('replyTo', address) };
}

function headersOf({ headers }: TemplateContent, allowed: ReadonlySet<string>): CompiledTemplate['headers'] {
  if (headers.length > TEMPLATE_HEADERS_MAX) throw tooLong('headers', TEMPLATE_HEADERS_MAX);
  return headers.map(({ name, value }) => {
    const field = `headers.${name.slice(0, 80)}`;
    if (!isHeaderAllowed(name, allowed)) throw new Refused('header-not-allowed', field, 'this header may not be set');
    return { name, part: headerPart(field, value) };
  });
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { NameValue } from '../contracts/generated.ts';
import { PostlaneError } from '../domain/error.ts';
import type { TemplateContent } from '../domain/template.ts';

/** What a template says, as the options of `templates put` give it. */
export interface ContentOptions {
  readonly content?: string;
  readonly from?: string;
  readonly replyTo?: string;
  readonly subject?: string;
  readonly html?: string;
  readonly text?: string;
  readonly unsubscribeLink?: string;
  readonly oneClick?: true;
  readonly header: readonly NameValue[];
}

const FILE_BYTES_MAX = 4_000_000;
const FIELDS = ['from', 'replyTo', 'subject', 'html', 'text', 'unsubscribeLink', 'oneClick', 'headers'];

const invalid = (what: string, cause?: unknown): PostlaneError =>
  new PostlaneError('CONFIG_INVALID', { what }, { cause });

/** Throws CONFIG_INVALID where the file cannot be read, or is no UTF-8. */
export function readText(workingDirectory: string, file: string): string {
  try {
    const bytes = readFileSync(resolve(workingDirectory, file));
    if (bytes.length > FILE_BYTES_MAX) throw new RangeError(`${bytes.length} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(`${file} cannot be read as a text of at most ${FILE_BYTES_MAX} bytes`, cause);
  }
}

/** An object of a JSON file. Throws CONFIG_INVALID. */
export function readObject(workingDirectory: string, file: string): Readonly<Record<string, unknown>> {
  const text = readText(workingDirectory, file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`${file} is no JSON`, cause);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`${file} holds no object`);
}

/** Names and values of an object. Throws CONFIG_INVALID where one is no text. */
export const pairsOf = (object: Readonly<Record<string, unknown>>, file: string): NameValue[] =>
  Object.entries(object).map(([name, value]) => {
    if (typeof value === 'string') return { name, value };
    if (typeof value === 'number' || typeof value === 'boolean') return { name, value: String(value) };
    throw invalid(`${file}: ${name} is no text`);
  });

/** Puts together what `--content` holds, and what the other options say instead. Throws CONFIG_INVALID. */
export function readContent(workingDirectory: string, options: ContentOptions): TemplateContent {
  const { content: file } = options;
  const base = file === undefined ? {} : readObject(workingDirectory, file);
  const unknown = Object.keys(base).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) throw invalid(`${file}: ${unknown} is no field of a template`);
  const textOf = (name: string, given: string | undefined): string | null => {
    const value = given ?? base[name] ?? null;
    if (value === null || typeof value === 'string') return value;
    throw invalid(`${file}: ${name} is no text`);
  };
  const fileOf = (name: string, given: string | undefined): string | null =>
    textOf(name, given === undefined ? undefined : readText(workingDirectory, given));
  const headers = (base.headers ?? {}) as Readonly<Record<string, unknown>>;
  return {
    from: textOf('from', options.from) ?? '',
    replyTo: textOf('replyTo', options.replyTo),
    subject: textOf('subject', options.subject) ?? '',
    html: fileOf('html', options.html),
    text: fileOf('text', options.text),
    unsubscribeLink: textOf('unsubscribeLink', options.unsubscribeLink),
    oneClick: options.oneClick ?? base.oneClick === true,
    headers: [...pairsOf(headers, `${file}: headers`), ...options.header],
  };
}

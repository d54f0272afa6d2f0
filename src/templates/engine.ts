import { Context, type Emitter, Liquid, type Template, toValueSync } from 'liquidjs';
import { htmlText } from '../domain/feedback/html-text.ts';
import type { MergeScope } from '../domain/template.ts';

/**
 * The one home of the template language: Liquid, by liquidjs (MIT; no dependency that runs, and it interprets: no text is
 * ever turned into code). Of its tags only branches and comments are offered: without loops, inclusion and assignment a
 * rendering is one pass over the template, whatever the values are. Of its filters only those that neither read a clock
 * nor make a value many times longer.
 */
const TAGS = ['if', 'unless', 'case', 'comment', '#'] as const;
const FILTERS = [
  'capitalize',
  'default',
  'downcase',
  'raw',
  'size',
  'strip',
  'truncate',
  'truncatewords',
  'upcase',
  'url_encode',
] as const;

/**
 * What the engine may put together in a rendering, by its own count of characters and entries; only a template that is made
 * for it comes near. There is no limit by the clock: a mail must not fail because the machine was busy.
 */
const MEMORY_MAX = 4 * 1_024 * 1_024;
const PARSE_LENGTH_MAX = 1_024 * 1_024;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
  // Old mail programs take it for a quotation mark.
  '`': '&#96;',
};

/** A value as it is. Throws where it is no value but a name that others are in. */
function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') throw new TypeError('is not a value: only names inside of it are');
  return String(value);
}

/** A value as it stands in HTML: in text, and in an attribute that is quoted. */
export const escapeHtml = (value: unknown): string =>
  asText(value).replace(/[&<>"'`]/g, (character) => ENTITIES[character] as string);

/** How values are written: as HTML, or as they are. */
export type Writing = 'html' | 'text';

function engine(writing: Writing): Liquid {
  const made = new Liquid({
    strictVariables: true,
    strictFilters: true,
    // A condition may ask for what is missing, and `default` may stand in for it.
    lenientIf: true,
    ownPropertyOnly: true,
    outputEscape: writing === 'html' ? escapeHtml : asText,
    parseLimit: PARSE_LENGTH_MAX,
    memoryLimit: MEMORY_MAX,
    cache: false,
    // Nothing is ever looked for on a disk.
    templates: {},
    dynamicPartials: false,
  });
  for (const name of Object.keys(made.tags)) if (!(TAGS as readonly string[]).includes(name)) delete made.tags[name];
  for (const name of Object.keys(made.filters)) {
    if (!(FILTERS as readonly string[]).includes(name)) delete made.filters[name];
  }
  if (writing === 'text') made.registerFilter('html_to_text', (value: unknown) => htmlText(asText(value)));
  return made;
}

const ENGINES: Readonly<Record<Writing, Liquid>> = { html: engine('html'), text: engine('text') };

/** Reads a text with placeholders. Throws what liquidjs throws, or a RangeError where it is nested too deep. */
export const parse = (source: string, writing: Writing): Template[] => ENGINES[writing].parse(source);

/** Writes a template into `emitter`, piece by piece. Throws for a missing variable, and where it becomes too much. */
export function render(templates: Template[], writing: Writing, scope: MergeScope, emitter: Emitter): void {
  const liquid = ENGINES[writing];
  const context = new Context(scope, liquid.options, { sync: true }, { liquid });
  toValueSync(liquid.renderer.renderTemplates(templates, context, emitter));
}

/** The name in an error about a missing variable; null for any other error. */
export function missingName(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== 'UndefinedVariableError') return null;
  return /undefined variable: ([^,\n]{1,256})/.exec(error.message)?.[1] ?? '';
}

/** What the engine has against a template, in one line and without the template's own text around it. */
export const complaint = (error: unknown): string =>
  error instanceof Error
    ? (error.message.split('\n')[0] ?? '').replace(/, file:[^,]*/, '').slice(0, 200)
    : 'unreadable';

/** True where a rendering was broken off because it did too much. */
export const isOverLimit = (error: unknown): boolean => error instanceof Error && / limit exceeded/.test(error.message);

/** Names that templates look up, as they are written in merge data; sorted. */
export const variablesOf = (templates: Template[]): readonly string[] =>
  [...new Set(ENGINES.text.globalFullVariablesSync(templates))].sort();

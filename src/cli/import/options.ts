import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { ColumnMapping } from '../../../producers/import/mapping.ts';
import { PostlaneError } from '../../domain/error.ts';
import { parseIsoTime } from '../../domain/iso-time.ts';
import type { PayloadInput } from '../../domain/job-input.ts';
import type { EmailType } from '../../domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type Millis } from '../../domain/time.ts';
import { csvFields } from '../../rows/csv.ts';
import type { RowFileOptions, RowFormat } from '../../rows/open.ts';
import { fingerprintOf } from '../../rows/text-source.ts';

/** What a command that reads a file of rows is told about the file, and about keeping its place. */
export interface FileOptions {
  readonly format?: RowFormat;
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly columns?: readonly string[];
  readonly errors?: string;
  readonly state?: string;
  readonly restart?: true;
  readonly config?: string;
  readonly json?: true;
}

export interface ImportOptions extends FileOptions {
  readonly template?: { readonly id: string; readonly version: number | null };
  readonly map: readonly ColumnMapping[];
  readonly key?: string;
  readonly tenant: string;
  readonly type: EmailType;
  readonly campaign?: string;
  readonly tag: readonly string[];
  readonly from?: string;
  readonly subject?: string;
  readonly html?: string;
  readonly text?: string;
  readonly sendAt?: SendAt;
  readonly rate?: number;
  readonly id?: string;
  readonly dryRun?: true;
  readonly show: number;
}

/** As it was asked for, which is compared when an import goes on, and how it is read. */
export interface SendAt {
  readonly written: string;
  at(now: Millis): Millis;
}

const FIELDS_OF_PAYLOAD = ['from', 'subject', 'html', 'text'] as const;
const ID_LENGTH_MAX = 128;
const DIGITS_OF_FINGERPRINT = 12;

export const rowFileOptions = (path: string, options: FileOptions): RowFileOptions => ({
  path,
  format: options.format ?? null,
  encoding: options.encoding ?? null,
  delimiter: options.delimiter ?? null,
  columns: options.columns ?? null,
});

/** Texts and files of mails that no template makes. */
export async function payloadOf(options: ImportOptions, workingDirectory: string): Promise<PayloadInput | null> {
  const mapped = new Set(options.map.map(({ target }) => target));
  const isGiven = FIELDS_OF_PAYLOAD.some((name) => options[name] !== undefined || mapped.has(name));
  if (options.template) {
    if (!isGiven) return null;
    throw new PostlaneError('CONFIG_INVALID', { what: 'a template brings its own sender, subject and text' });
  }
  if (!isGiven) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: 'nothing says what the mails are',
      remedy: 'name a --template, or --from, --subject, and --html or --text, or map columns to them',
    });
  }
  const content = async (file: string | undefined): Promise<string | undefined> => {
    if (file === undefined) return undefined;
    try {
      return await readFile(resolve(workingDirectory, file), 'utf8');
    } catch (cause) {
      throw new PostlaneError('CONFIG_INVALID', { what: 'a file cannot be read', file }, { cause });
    }
  };
  const { from, subject } = options;
  const [html, text] = [await content(options.html), await content(options.text)];
  return {
    ...(from === undefined ? {} : { from }),
    ...(subject === undefined ? {} : { subject }),
    ...(html === undefined ? {} : { html }),
    ...(text === undefined ? {} : { text }),
  };
}

/** Which file it is, and what the import of it is called. */
export interface ImportIdentity {
  readonly importId: string;
  /** Null for standard input. */
  readonly fingerprint: string | null;
  readonly stateDirectory: string;
}

/**
 * An import is called by its campaign or template, and by its file where lines tell the rows apart: with another file the same
 * lines are other mails. Where a column tells them apart the file may change.
 */
export async function identify(
  path: string,
  options: ImportOptions,
  workingDirectory: string,
): Promise<ImportIdentity> {
  const isStream = path === '-';
  const name = options.campaign ?? options.template?.id ?? null;
  const fingerprint = isStream ? null : await fingerprintOf(path);
  const needsId = options.id === undefined && (isStream || (options.key !== undefined && name === null));
  if (needsId) {
    const why = isStream ? 'standard input has no name' : 'rows that a column tells apart need a name that stays';
    throw new PostlaneError('CONFIG_INVALID', { what: 'the import needs an --id', why });
  }
  const ofFile = options.key === undefined ? `-${fingerprint?.slice(0, DIGITS_OF_FINGERPRINT)}` : '';
  const importId = options.id ?? `${name ?? 'import'}${ofFile}`;
  if (importId.length > ID_LENGTH_MAX) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'the id of an import is too long', lengthMax: ID_LENGTH_MAX });
  }
  return {
    importId,
    fingerprint,
    stateDirectory: stateDirectoryOf(path, options, options.id ?? name, workingDirectory),
  };
}

/** Beside the file, under the name of what it is imported for. */
export function stateDirectoryOf(
  path: string,
  options: FileOptions,
  name: string | null,
  workingDirectory: string,
): string {
  if (options.state !== undefined) return resolve(workingDirectory, options.state);
  const slug = (name ?? 'import').replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 100);
  return path === '-' ? resolve(workingDirectory, `stdin.${slug}.import`) : `${resolve(path)}.${slug}.import`;
}

/** `target=column`, several with commas between them, quoted as in CSV where a name needs it. */
export function parseMappings(text: string, before: readonly ColumnMapping[]): readonly ColumnMapping[] {
  const pairs = csvFields(text, ',');
  if (pairs === null) throw new InvalidArgumentError('a quote is not closed');
  const more = pairs.map((pair) => {
    const at = pair.indexOf('=');
    const [target, column] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    if (at < 1 || target === '' || column === '') throw new InvalidArgumentError(`target=column is expected: ${pair}`);
    return { target, column };
  });
  const all = [...before, ...more];
  const twice = all.find(({ target }, n) => target !== 'tag' && all.findIndex((one) => one.target === target) !== n);
  if (twice) throw new InvalidArgumentError(`${twice.target} is mapped twice`);
  return all;
}

export function parseColumns(text: string): readonly string[] {
  const names = csvFields(text, ',')?.map((name) => name.trim()) ?? [];
  if (names.length === 0 || names.includes('') || new Set(names).size < names.length) {
    throw new InvalidArgumentError('names are expected, each once, with commas between them');
  }
  return names;
}

export function parseDelimiter(text: string): string {
  const delimiter = text === 'tab' || text === '\\t' ? '\t' : text;
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"') {
    throw new InvalidArgumentError('one character is expected, or tab');
  }
  return delimiter;
}

export function parseTemplate(text: string): { readonly id: string; readonly version: number | null } {
  const [, id = '', version] = /^([^@]+)(?:@(\d{1,9}))?$/.exec(text) ?? [];
  if (id === '') throw new InvalidArgumentError('a template is expected, or template@version');
  return { id, version: version === undefined ? null : Number(version) };
}

const SPAN = /^\+(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?$/;

export function parseSendAt(written: string): SendAt {
  const [span, days, hours, minutes] = SPAN.exec(written) ?? [];
  if (span !== undefined && span !== '+') {
    const ms = Number(days ?? 0) * DAY_MS + Number(hours ?? 0) * HOUR_MS + Number(minutes ?? 0) * MINUTE_MS;
    return { written, at: (now) => now + ms };
  }
  const at = parseIsoTime(written);
  if (at === null) {
    throw new InvalidArgumentError('a time with its zone is expected, as 2030-01-31T09:00:00Z, or a span, as +1h30m');
  }
  return { written, at: () => at };
}

export function parseRate(text: string): number {
  const rate = Number(text);
  if (!(rate > 0 && rate <= 1_000_000)) throw new InvalidArgumentError('a number of mails per second is expected');
  return rate;
}

export function parseCount(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('a whole number up to 9999 is expected');
  return Number(text);
}

export const fileName = (path: string): string => (path === '-' ? 'standard input' : basename(path));

import type { NameValue, Template } from '../contracts/generated.ts';

/** What a template makes mails of: texts with placeholders. `Template` of the schema says what each field means. */
export type TemplateContent = Pick<
  Template,
  'from' | 'replyTo' | 'subject' | 'html' | 'text' | 'unsubscribeLink' | 'oneClick' | 'headers'
>;

/** Why a template is refused when it is put. A closed list: programs act on it. */
export type TemplateProblem =
  | 'id-invalid'
  | 'content-missing' // neither html nor text
  | 'sender-invalid'
  | 'sender-not-fixed' // a placeholder in the address that the mail is signed for
  | 'reply-to-invalid'
  | 'header-not-allowed'
  | 'text-forbidden' // a control character in something that reaches a header
  | 'syntax' // the engine cannot read it, or it asks for something that is not offered
  | 'placeholder-misplaced' // where no escaping keeps a value from changing the structure
  | 'branch-unbalanced' // a branch leaves another tag or attribute open than it found
  | 'too-long'
  | 'too-complex';

/** Why a mail cannot be made of a template and the job's merge data. A closed list: programs act on it. */
export type MergeProblem =
  | 'name-invalid'
  | 'variable-missing'
  | 'text-forbidden' // a control character, or a line break in a header
  | 'link-forbidden' // an address of another kind than http, https, mailto or tel
  | 'sender-invalid'
  | 'reply-to-invalid'
  | 'unsubscribe-link-invalid'
  | 'too-long'
  | 'too-many'
  | 'too-complex';

/** Where a template is not as it must be. */
export interface TemplateFault {
  readonly problem: TemplateProblem;
  /** Field of the template, such as `html` or `headers.X-Campaign`. */
  readonly field: string;
  readonly detail: string;
}

/** Where merge data does not fit a template. */
export interface MergeFault {
  readonly problem: MergeProblem;
  /** `mergeData.<name>` where one value is wrong, else the field of the template that could not be made. */
  readonly field: string;
  readonly detail: string;
}

/** Why a job that names a template is refused by whoever accepts jobs. A closed list: programs act on it. */
export interface TemplatedFault {
  readonly problem: MergeProblem | 'template-unknown' | 'template-deleted' | 'template-broken';
  /** A field of the job, or of the template where that could not be made. */
  readonly field: string;
  readonly detail: string;
}

export type TemplatedVerdict =
  /** `version` is the one to send it with: put it into the job, so that a later version changes nothing. */
  { readonly ok: true; readonly version: number } | { readonly ok: false; readonly fault: TemplatedFault };

/** Characters of a template's html, and of its text. A row must fit into a record of a megabyte, whatever alphabet it is in. */
export const HTML_LENGTH_MAX = 256 * 1_024;
export const TEXT_LENGTH_MAX = 64 * 1_024;
/** Characters of every other field. */
export const FIELD_LENGTH_MAX = 2_000;
export const TEMPLATE_HEADERS_MAX = 50;
/** Placeholders, tags and filters of all fields together: what a rendering can cost is a multiple of it. */
export const OPERATIONS_MAX = 1_000;
/** How deep branches may lie in each other. */
export const BRANCH_DEPTH_MAX = 16;
/** Characters that one part may have once its placeholders are filled in. */
export const RENDERED_LENGTH_MAX = 1_024 * 1_024;
/** Characters of all merge values of a job together. */
export const MERGE_LENGTH_MAX = 512 * 1_024;
/** Entries of a job's merge data. */
export const MERGE_PAIRS_MAX = 100;
/** Names inside of names: `order.address.city`. */
export const MERGE_DEPTH_MAX = 4;

/** Values that the pipeline brings along, so that no merge data need hold them. */
export const OWN_NAMES = ['recipient', 'unsubscribe_url', 'view_url'] as const;
export type OwnName = (typeof OWN_NAMES)[number];

/** What is known of a mail besides its merge data; null: not, and the placeholder is missing where merge data lacks it. */
export type OwnValues = Readonly<Record<OwnName, string | null>>;

const TEMPLATE_ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
export const isTemplateId = (text: string): boolean => TEMPLATE_ID.test(text);

/** Key of a row of `email.templates`. */
export const templateKey = ({
  tenant,
  templateId,
  version,
  putId,
}: Pick<Template, 'tenant' | 'templateId' | 'version' | 'putId'>): string =>
  `${tenant}|${templateId}|${version}|${putId}`;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names that mean something to JavaScript objects. They would do no harm here, and stand for nothing good. */
const NAMES_REFUSED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** Values by name, as the engine looks them up. Objects in it have no prototype. */
export interface MergeScope {
  [name: string]: string | MergeScope;
}

const emptyScope = (): MergeScope => Object.create(null) as MergeScope;

const fault = (problem: MergeProblem, field: string, detail: string): MergeFault => ({ problem, field, detail });

/** Merge data as a tree: `order.city` is the name `city` in `order`. Answers the first entry that is wrong. */
export function mergeScope(
  mergeData: readonly NameValue[],
  own: OwnValues,
): { readonly ok: true; readonly scope: MergeScope } | { readonly ok: false; readonly fault: MergeFault } {
  const scope = emptyScope();
  for (const name of OWN_NAMES) {
    const value = own[name];
    if (value !== null) scope[name] = value;
  }
  if (mergeData.length > MERGE_PAIRS_MAX) {
    return { ok: false, fault: fault('too-many', 'mergeData', `at most ${MERGE_PAIRS_MAX} entries`) };
  }
  let length = 0;
  for (const { name, value } of mergeData) {
    length += value.length;
    const wrong = length > MERGE_LENGTH_MAX ? tooLong() : (entryFault(name, value) ?? place(scope, name, value));
    if (wrong) return { ok: false, fault: wrong };
  }
  return { ok: true, scope };
}

const tooLong = (): MergeFault =>
  fault('too-long', 'mergeData', `the values have more than ${MERGE_LENGTH_MAX} characters together`);

const shown = (name: string): string => `mergeData.${name.slice(0, 64)}`;

function entryFault(name: string, value: string): MergeFault | null {
  const parts = name.split('.');
  const named = parts.every((part) => NAME.test(part) && !NAMES_REFUSED.has(part));
  if (!named || parts.length > MERGE_DEPTH_MAX) {
    return fault('name-invalid', shown(name), 'a name is made of letters, digits and _, with dots between its parts');
  }
  return FORBIDDEN.test(value) ? fault('text-forbidden', shown(name), 'holds a control character') : null;
}

/** The last of two entries of one name counts, as in every list of names and values. */
function place(scope: MergeScope, name: string, value: string): MergeFault | null {
  const parts = name.split('.');
  const last = parts.pop() as string;
  let inner = scope;
  for (const part of parts) {
    const next = inner[part] ?? emptyScope();
    if (typeof next === 'string') return conflict(name);
    inner[part] = next;
    inner = next;
  }
  if (typeof inner[last] === 'object') return conflict(name);
  inner[last] = value.toWellFormed();
  return null;
}

const conflict = (name: string): MergeFault =>
  fault('name-invalid', shown(name), 'is a value as well as a name that others are in');

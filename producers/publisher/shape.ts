import { parseIsoTime } from '../../src/domain/iso-time.ts';

/**
 * Checks of what applications hand in, before anything is believed about it: plain JavaScript and parsed JSON have no
 * types that hold. Only shapes are looked at here; what values must be is the domain's business.
 */
export interface ShapeFault {
  readonly problem: 'not-an-object' | 'field-unknown' | 'field-missing' | 'field-invalid';
  readonly detail: string;
}

/** Answers what is wrong with the value at the path; null where nothing is. */
type Check = (value: unknown, path: string) => ShapeFault | null;

interface Field {
  readonly check: Check;
  readonly required: boolean;
}

type Fields = Readonly<Record<string, Field>>;

const PATH_LENGTH_MAX = 128;

const invalid = (path: string, expected: string): ShapeFault => ({
  problem: 'field-invalid',
  detail: `${path}: ${expected} expected`,
});

const when =
  (holds: (value: unknown) => boolean, expected: string): Check =>
  (value, path) =>
    holds(value) ? null : invalid(path, expected);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

const required = (check: Check): Field => ({ check, required: true });
const optional = (check: Check): Field => ({ check, required: false });

const listOf =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) return invalid(path, 'a list');
    for (const [n, item] of value.entries()) {
      const fault = check(item, `${path}[${n}]`);
      if (fault) return fault;
    }
    return null;
  };

const recordOf =
  (fields: Fields): Check =>
  (value, path) => {
    if (!isObject(value)) return path === '' ? { problem: 'not-an-object', detail: '' } : invalid(path, 'an object');
    const at = (name: string) => (path === '' ? name : `${path}.${name}`).slice(0, PATH_LENGTH_MAX);
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(fields, name)) return { problem: 'field-unknown', detail: at(name) };
    }
    for (const name in fields) {
      const { check, required: isRequired } = fields[name] as Field;
      const given = value[name];
      // `undefined` is what a left-out field looks like when an object was put together; null is the schema's own word.
      if (given === undefined || given === null) {
        if (isRequired) return { problem: 'field-missing', detail: at(name) };
        continue;
      }
      const fault = check(given, at(name));
      if (fault) return fault;
    }
    return null;
  };

const text = when((value) => typeof value === 'string', 'text');
const flag = when((value) => typeof value === 'boolean', 'true or false');
const VERSION_MAX = 2 ** 31 - 1;
const version = when(
  (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= VERSION_MAX,
  'a whole number',
);
const priority = when((value) => value === 'low' || value === 'normal' || value === 'high', 'low, normal or high');

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const isBase64 = (value: string): boolean => value.length % 4 === 0 && BASE64.test(value);
const bytes = when(
  (value) => value instanceof Uint8Array || (typeof value === 'string' && isBase64(value)),
  'bytes, or their base64',
);

const time = when((value) => {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  return typeof value === 'string' && parseIsoTime(value) !== null;
}, 'milliseconds since 1970, a Date, or an ISO 8601 time with its zone');

const pairList = listOf(recordOf({ name: required(text), value: required(text) }));
const pairs: Check = (value, path) => {
  if (Array.isArray(value)) return pairList(value, path);
  if (!isObject(value)) return invalid(path, 'an object, or a list of {name, value}');
  for (const name of Object.keys(value)) {
    const fault = text(value[name], `${path}.${name}`.slice(0, PATH_LENGTH_MAX));
    if (fault) return fault;
  }
  return null;
};

const attachment = recordOf({
  filename: required(text),
  contentType: required(text),
  contentId: optional(text),
  content: required(bytes),
});

const payload = recordOf({
  from: optional(text),
  replyTo: optional(text),
  subject: optional(text),
  html: optional(text),
  text: optional(text),
  unsubscribeLink: optional(text),
  oneClick: optional(flag),
  headers: optional(pairs),
  attachments: optional(listOf(attachment)),
  mime: optional(bytes),
});

const job = recordOf({
  id: optional(text),
  tenant: optional(text),
  type: required(text),
  priority: optional(priority),
  recipient: required(text),
  payload: optional(payload),
  templateId: optional(text),
  templateVersion: optional(version),
  mergeData: optional(pairs),
  metadata: optional(pairs),
  tags: optional(listOf(text)),
  campaign: optional(text),
  sendAt: optional(time),
  expiresAt: optional(time),
  region: optional(text),
  traceparent: optional(text),
});

/** What is wrong with the shape of a job: the first thing found, or null. */
export const shapeFault = (input: unknown): ShapeFault | null => job(input, '');

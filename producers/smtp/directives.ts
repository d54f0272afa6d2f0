import type { PrioritySymbol } from '../../src/contracts/generated.ts';
import { isEmailType } from '../../src/domain/job.ts';
import { EMAIL_TYPES, type EmailType } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';

/** A header field in one line, its encoded words decoded. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** What the `X-Postlane-…` fields of a mail say about it. */
export interface Directives {
  readonly type: EmailType | null;
  readonly priority: PrioritySymbol | null;
  readonly tags: readonly string[];
  readonly campaign: string | null;
  readonly metadata: readonly Field[];
  readonly sendAt: Millis | null;
  readonly expiresAt: Millis | null;
  readonly region: string | null;
  readonly idempotencyKey: string | null;
}

/** What is wrong with a field. `detail` is for people. */
export interface FieldFault {
  readonly header: string;
  readonly detail: string;
}

const PREFIX = 'x-postlane-';
const ONCE = ['type', 'priority', 'campaign', 'send-at', 'expires-at', 'region', 'idempotency-key'] as const;
const NAMES: ReadonlySet<string> = new Set([...ONCE, 'tag', 'metadata']);
const PRIORITIES: readonly string[] = ['low', 'normal', 'high'];
const KEY = /^[\x20-\x7e]{1,256}$/;
const MILLISECONDS = /^\d{1,15}$/;
/** RFC 3339, and the form of Date fields (RFC 5322 section 3.3). */
const TIME =
  /^(?:\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)|(?:[A-Za-z]{3}, )?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT))$/;
const METADATA = /^([^=]+)=(.*)$/;

/** The first fault, or what they say. A field that is not known is a fault: it would be meant, and ignored. */
export function readDirectives(fields: readonly Field[]): Directives | FieldFault {
  const ours = fields
    .filter(({ name }) => name.toLowerCase().startsWith(PREFIX))
    .map(({ name, value }) => ({ header: name, key: name.slice(PREFIX.length).toLowerCase(), value: value.trim() }));
  const unknown = ours.find(({ key }) => !NAMES.has(key));
  if (unknown) return { header: unknown.header, detail: 'there is no such field' };
  const of = (key: string) => ours.filter((field) => field.key === key);
  for (const key of ONCE) {
    const [, again] = of(key);
    if (again) return { header: again.header, detail: 'may stand once' };
  }
  for (const { header, key, value } of ours) {
    const detail = valueFault(key, value);
    if (detail !== null) return { header, detail };
  }
  const one = (key: string): string | null => of(key)[0]?.value ?? null;
  return {
    type: (one('type')?.toLowerCase() as EmailType | undefined) ?? null,
    priority: (one('priority')?.toLowerCase() as PrioritySymbol | undefined) ?? null,
    tags: of('tag').flatMap(({ value }) => value.split(',').map((tag) => tag.trim())),
    campaign: one('campaign'),
    metadata: of('metadata').map(({ value }) => {
      const [, name = '', text = ''] = METADATA.exec(value) ?? [];
      return { name: name.trim(), value: text.trim() };
    }),
    sendAt: timeOf(one('send-at')),
    expiresAt: timeOf(one('expires-at')),
    region: one('region'),
    idempotencyKey: one('idempotency-key'),
  };
}

/** What a value must be; null where it is that. Lengths and characters of labels are the job's own check. */
function valueFault(key: string, value: string): string | null {
  switch (key) {
    case 'type':
      return isEmailType(value.toLowerCase()) ? null : `must be one of ${EMAIL_TYPES.join(', ')}`;
    case 'priority':
      return PRIORITIES.includes(value.toLowerCase()) ? null : `must be one of ${PRIORITIES.join(', ')}`;
    case 'tag':
      return value.split(',').every((tag) => tag.trim() !== '') ? null : 'must be labels with commas between them';
    case 'metadata':
      return METADATA.test(value) && !isForbiddenName(value) ? null : 'must be name=value';
    case 'send-at':
    case 'expires-at':
      return isTime(value) ? null : 'must be a time with its zone (RFC 3339 or RFC 5322), or milliseconds since 1970';
    case 'idempotency-key':
      return KEY.test(value) ? null : 'must be 1 to 256 printable ASCII characters';
    default:
      return value === '' ? 'must not be empty' : null;
  }
}

/** Names that some languages take for more than a name of a property. */
const isForbiddenName = (value: string): boolean => /^\s*(?:__proto__|constructor|prototype)\s*=/.test(value);

const isTime = (value: string): boolean =>
  MILLISECONDS.test(value) || (TIME.test(value) && !Number.isNaN(Date.parse(value)));

function timeOf(value: string | null): Millis | null {
  if (value === null) return null;
  return MILLISECONDS.test(value) ? Number(value) : Date.parse(value);
}

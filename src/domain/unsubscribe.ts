import { EMAIL_TYPES, type EmailType } from './policy.ts';

/** Whom an unsubscribe link was made for: all that is needed to act upon it, however long ago its mail was. */
export interface UnsubscribeLink {
  readonly tenant: string;
  readonly type: EmailType;
  /** As the job has it. */
  readonly recipient: string;
  /** Null where the link has no room for it. */
  readonly jobId: string | null;
}

/** What is not wanted any more: mail of the link's type, or all but transactional mail. */
export const UNWANTED = ['type', 'all'] as const;
export type Unwanted = (typeof UNWANTED)[number];

/** With its job a link may have so many bytes, and so many without: in base64 it has to fit into a line of a header. */
const BYTES_WITH_JOB_MAX = 300;
const BYTES_MAX = 540;

const FORM = 1;
const SEPARATOR = '\u0000';
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false });

/** The bytes that a link stands for; null where they are too many. */
export function packLink({ tenant, type, recipient, jobId }: UnsubscribeLink): Uint8Array | null {
  const names = [tenant === 'default' ? '' : tenant, recipient];
  if ([...names, jobId ?? ''].some((name) => name.includes(SEPARATOR)) || tenant === '') return null;
  const packed = (parts: readonly string[]): Uint8Array => {
    const text = encoder.encode(parts.join(SEPARATOR));
    const bytes = new Uint8Array(text.length + 2);
    bytes.set([FORM, EMAIL_TYPES.indexOf(type)]);
    bytes.set(text, 2);
    return bytes;
  };
  const whole = packed([...names, jobId ?? '']);
  if (whole.length <= BYTES_WITH_JOB_MAX) return whole;
  const withoutJob = packed([...names, '']);
  return withoutJob.length <= BYTES_MAX ? withoutJob : null;
}

/** Reads what `packLink` wrote; null for anything else. */
export function unpackLink(bytes: Uint8Array): UnsubscribeLink | null {
  const type = EMAIL_TYPES[bytes[1] ?? -1];
  const [tenant, recipient, jobId, ...more] = decoder.decode(bytes.subarray(2)).split(SEPARATOR);
  if (bytes[0] !== FORM || type === undefined || jobId === undefined || more.length > 0 || !recipient) return null;
  return { tenant: tenant || 'default', type, recipient, jobId: jobId || null };
}

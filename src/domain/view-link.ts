import type { EmailJob } from '../contracts/generated.ts';
import { EMAIL_TYPES } from './policy.ts';

/** All that a mail was made of besides its template: enough to show it again, and kept nowhere but in its link. */
export type ViewLink = Pick<
  EmailJob,
  'id' | 'tenant' | 'type' | 'recipient' | 'templateId' | 'templateVersion' | 'mergeData'
>;

/** A link has to fit into what mail programs, proxies and browsers take: some 2,000 characters, the address before it among them. */
const BYTES_MAX = 1_350;
const FORM = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The bytes that a link stands for; null where they are too many. Same job, same bytes. */
export function packView(link: ViewLink): Uint8Array | null {
  const { id, tenant, type, recipient, templateId, templateVersion, mergeData } = link;
  const type_ = (EMAIL_TYPES as readonly string[]).indexOf(type);
  if (templateId === null || type_ < 0) return null;
  const values = mergeData.flatMap(({ name, value }) => [name, value]);
  const text = encoder.encode(JSON.stringify([id, tenant, type_, recipient, templateId, templateVersion, ...values]));
  if (text.length + 1 > BYTES_MAX) return null;
  const bytes = new Uint8Array(text.length + 1);
  bytes[0] = FORM;
  bytes.set(text, 1);
  return bytes;
}

/** Reads what `packView` wrote; null for anything else. */
export function unpackView(bytes: Uint8Array): ViewLink | null {
  if (bytes[0] !== FORM) return null;
  const [id, tenant, typeIndex, recipient, templateId, templateVersion, ...values] = listIn(bytes.subarray(1));
  const type = EMAIL_TYPES[Number(typeIndex)];
  const isWhole = [id, tenant, recipient, templateId, ...values].every((text) => typeof text === 'string');
  const isVersion = templateVersion === null || Number.isInteger(templateVersion);
  if (!isWhole || !isVersion || type === undefined || values.length % 2 !== 0) return null;
  const texts = values as readonly string[];
  const mergeData = [];
  for (let n = 0; n < texts.length; n += 2) mergeData.push({ name: texts[n] as string, value: texts[n + 1] as string });
  return { id, tenant, type, recipient, templateId, templateVersion, mergeData } as ViewLink;
}

function listIn(bytes: Uint8Array): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(decoder.decode(bytes));
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

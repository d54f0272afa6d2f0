import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { readMessage, unfolded } from '../../src/smtp/whole-message.ts';

/** A mail as it was sent, and as it arrived. */
export interface Pair {
  readonly sent: Buffer;
  readonly arrived: Buffer;
}

/** Fields that are ours to write; all others must arrive saying the same. */
const OURS = /^(?:dkim-signature|date|message-id|mime-version|x-entity-ref-id|feedback-id)$/i;
const WITHHELD = /^(?:bcc|x-postlane-.*)$/i;

/** What differs between the mails beyond what submission promises to change; empty: nothing. */
export function differences({ sent, arrived }: Pair): string[] {
  const [before, after] = [readMessage(sent), readMessage(arrived)];
  if (!before.ok || !after.ok) return ['one of them cannot be read'];
  const found: string[] = [];
  // The tree: every octet of it, and the field that says how to read it.
  if (!before.body.equals(after.body)) found.push('the body');
  const kept = before.fields.filter(({ name }) => !OURS.test(name) && !WITHHELD.test(name));
  const shown = after.fields.filter(({ name }) => !OURS.test(name));
  if (
    kept
      .map(({ name }) => name)
      .sort()
      .join() !==
    shown
      .map(({ name }) => name)
      .sort()
      .join()
  ) {
    found.push(`the names of fields: ${shown.map(({ name }) => name).join(' ')}`);
  }
  for (const field of kept) {
    const other = shown.find(({ name }) => name === field.name);
    const normal = (value: string) => value.replace(/\s+/g, ' ').replace(/"([A-Za-z0-9 ]+)"(?= <)/g, '$1');
    if (other && normal(unfolded(other)) !== normal(unfolded(field))) {
      found.push(`${field.name}: ${unfolded(field)} became ${unfolded(other)}`);
    }
  }
  for (const name of ['Date', 'Message-ID', 'MIME-Version', 'X-Entity-Ref-ID', 'Feedback-ID']) {
    if (after.fields.filter((field) => field.name === name).length !== 1) found.push(`${name} is missing`);
  }
  return found;
}

/** Results of an independent verifier: selector, domain, verdict. */
export async function signaturesOf(message: Buffer, records: Readonly<Record<string, string>>): Promise<string[]> {
  const resolver = async (name: string) => {
    const record = records[name];
    if (record === undefined) throw Object.assign(new Error('no record'), { code: 'ENOTFOUND' });
    return [[record]];
  };
  const { results } = await dkimVerify(message, { resolver });
  return results.map(({ selector, signingDomain, status }) => `${selector} ${signingDomain} ${status.result}`);
}

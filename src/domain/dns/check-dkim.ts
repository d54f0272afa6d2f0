import { type DkimRecord, parseDkimRecord } from './dkim-record.ts';
import { type Finding, finding, txt, type ZoneRecord } from './finding.ts';
import { type Answer, type Asking, valuesOf } from './lookup.ts';

/** RFC 8301 section 3.2: verifiers reject less. */
export const DKIM_BITS_MIN = 1_024;
/** The same section: signers should use at least this. */
const DKIM_BITS_WANTED = 2_048;

/** A key that we sign with, or will. */
export interface DkimExpectation {
  readonly selector: string;
  /** The record that belongs to our private key; null where the private key cannot be read. */
  readonly record: string | null;
  /** Made, and not signing before DNS shows it: a missing record is not an error yet. */
  readonly waiting: boolean;
}

export const dkimName = (selector: string, domain: string): string => `${selector}._domainkey.${domain}`;

/** Whether the record of a selector is there and belongs to our private key. */
export function* checkDkimKey(domain: string, key: DkimExpectation): Asking<readonly Finding[]> {
  const name = dkimName(key.selector, domain);
  const publish = key.record === null ? null : txt(name, key.record);
  const answer = yield { type: 'TXT', name };
  const unreadable =
    key.record === null
      ? [finding('dkim-key-unreadable', name, 'its private key cannot be read, so it signs nothing')]
      : [];
  if (key.waiting && answer.kind === 'none') {
    return [finding('dkim-waiting', name, 'a new key signs as soon as its record is there', publish)];
  }
  return [...unreadable, ...judgeDkim(name, answer, publish)];
}

/** Whether the record of that name, whose private key we do not know, is there and could verify a signature. */
export function* checkDkimName(name: string): Asking<readonly Finding[]> {
  return judgeDkim(name, yield { type: 'TXT', name }, null);
}

function judgeDkim(name: string, answer: Answer, publish: ZoneRecord | null): readonly Finding[] {
  if (answer.kind === 'failed') return [];
  const values = valuesOf(answer);
  const [text] = values;
  if (text === undefined) return [finding('dkim-missing', name, 'there is no key record, so signatures fail', publish)];
  if (values.length > 1) {
    const what = `there are ${values.length} records; which one a receiver takes is undefined`;
    return [finding('dkim-several', name, what, publish)];
  }
  const record = parseDkimRecord(text);
  if (typeof record === 'string') return [finding('dkim-syntax', name, `the record is no key: ${record}`, publish)];
  if (record.publicKey === '')
    return [finding('dkim-revoked', name, 'the record says that its key is revoked', publish)];
  return [...keyFindings(name, record, publish)];
}

function* keyFindings(name: string, record: DkimRecord, publish: ZoneRecord | null): Generator<Finding> {
  const ours = publish === null ? null : parseDkimRecord(publish.value);
  const isOurs =
    ours === null ||
    (typeof ours === 'object' && ours.publicKey === record.publicKey && ours.keyType === record.keyType);
  if (!isOurs) yield finding('dkim-wrong-key', name, 'the record holds another key than the one that signs', publish);
  const { bits, keyType, testing, fitsUse } = record;
  if (keyType === 'rsa' && bits !== null && bits < DKIM_BITS_WANTED) {
    const isWeak = bits < DKIM_BITS_MIN;
    const what = isWeak
      ? `the key has ${bits} bits; receivers reject less than ${DKIM_BITS_MIN} (RFC 8301)`
      : `the key has ${bits} bits; ${DKIM_BITS_WANTED} are wanted (RFC 8301)`;
    // Our own key is as short as its record: only a new one helps, and postlane dkim rotate makes it.
    yield finding(isWeak ? 'dkim-weak-key' : 'dkim-short-key', name, what, isOurs ? null : publish);
  }
  if (!fitsUse) yield finding('dkim-wrong-use', name, 'the record is not for mail, or not for SHA-256', publish);
  if (testing) {
    yield finding(
      'dkim-testing',
      name,
      'the record says t=y: receivers treat signed mail as if it were unsigned',
      publish,
    );
  }
}

/** Whether the DNS shows exactly this record's key: what lets a new key sign. Null: it could not be asked. */
export function showsKey(answer: Answer, record: string): boolean | null {
  if (answer.kind === 'failed') return null;
  const ours = parseDkimRecord(record);
  const values = valuesOf(answer);
  const found = values.length === 1 ? parseDkimRecord(values[0] as string) : '';
  if (typeof ours === 'string' || typeof found === 'string') return false;
  return found.publicKey === ours.publicKey && found.keyType === ours.keyType && found.publicKey !== '';
}

import type { DeadLetter, DeliveryResult } from '../contracts/generated.ts';

/** What is left of a dead letter's value: enough to see what it was. It is larger than any job, so it is none. */
const VALUE_BYTES_MAX = 64 * 1024;
const KEY_BYTES_MAX = 1_024;
/** RFC 5321 allows an address 254 octets; what is longer is only shown. */
const RECIPIENT_LENGTH_MAX = 512;
const LABEL_LENGTH_MAX = 256;

/**
 * A copy that fits its topic, of a record that must be written and does not fit: what foreign bytes expand to, or the
 * ending of a job that was refused for its size. Without it the partition could never pass over what caused it.
 * Null for records that are bounded by what they are made of.
 */
export function shortened(schema: string, value: unknown): unknown {
  if (schema === 'DeadLetter') return shortLetter(value as DeadLetter);
  if (schema === 'DeliveryResult') return shortResult(value as DeliveryResult);
  return null;
}

function shortLetter(letter: DeadLetter): DeadLetter {
  const note = `the value had ${letter.value?.length ?? 0} bytes and was cut, headers were dropped`;
  return {
    ...letter,
    key: letter.key?.subarray(0, KEY_BYTES_MAX) ?? null,
    value: letter.value?.subarray(0, VALUE_BYTES_MAX) ?? null,
    headers: [],
    detail: letter.detail === null ? note : `${letter.detail} (${note})`,
  };
}

const shortResult = (result: DeliveryResult): DeliveryResult => ({
  ...result,
  recipient: result.recipient.slice(0, RECIPIENT_LENGTH_MAX),
  campaign: result.campaign?.slice(0, LABEL_LENGTH_MAX) ?? null,
  tags: [],
  metadata: [],
});

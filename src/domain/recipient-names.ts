import { boundText } from './reply.ts';

/** A secret that addresses are hashed by. */
export interface AddressKey {
  /** Six hexadecimal digits that tell it from others, and say nothing about it. */
  readonly id: string;
  /** The first 16 bytes of HMAC-SHA-256 (RFC 2104, section 5 allows half) over the text in UTF-8, in base64url. */
  mac(text: string): string;
}

/**
 * What stands for recipients in whatever is kept for long: their folded addresses, or keyed hashes of them
 * (docs/decisions/0036-recipients-by-keyed-hash.md).
 */
export interface RecipientNames {
  /** Ids of the keys that look-ups know. */
  readonly keyIds: readonly string[];
  /** Id of the key that names are made by; null: the addresses themselves are. */
  readonly writes: string | null;
  /** What new records call the recipient. A name that is hashed already stays as it is. */
  nameOf(folded: string): string;
  /** Everything that records may call the recipient, `nameOf` first: what look-ups have to ask for. */
  namesOf(folded: string): readonly string[];
  /** A text as it is kept: whatever looks like an address is masked. */
  text(text: string): string;
  /** An identifier as it is kept: whatever looks like an address in it is hashed, so that it still tells things apart. */
  label(text: string): string;
}

const HASHED = /^h1:([0-9a-f]{6}):[\w-]{22}$/;

/** Id of the key that a name was hashed by; null where it is no hash. No address is like one: all have an @. */
export const keyIdIn = (name: string): string | null => HASHED.exec(name)?.[1] ?? null;

const same = (text: string): string => text;

/** Addresses as they are. */
export const PLAIN_NAMES: RecipientNames = {
  keyIds: [],
  writes: null,
  nameOf: same,
  namesOf: (folded) => [folded],
  text: same,
  label: same,
};

/** What `classify` too sees in place of an address, so that a text means the same. */
const MASK = '@';
/** Nothing of ours is longer; what is cut off is not looked through. */
const TEXT_BYTES_MAX = 4_096;

/**
 * Names by these keys. The first one hashes, where `hashes` is set; the others, and addresses themselves, are what records
 * from before may hold, so that neither switching nor rotating ever lets mail go to who is suppressed.
 */
export function recipientNames(keys: readonly AddressKey[], hashes: boolean): RecipientNames {
  const hashed = (folded: string): string[] => keys.map(({ id, mac }) => `h1:${id}:${mac(folded)}`);
  const keyIds = keys.map(({ id }) => id);
  const [first] = keys;
  if (first === undefined) return PLAIN_NAMES;
  if (!hashes) {
    return {
      ...PLAIN_NAMES,
      keyIds,
      namesOf: (name) => (keyIdIn(name) === null ? [name, ...hashed(name)] : [name]),
    };
  }
  const nameOf = (name: string): string => (keyIdIn(name) === null ? `h1:${first.id}:${first.mac(name)}` : name);
  return {
    keyIds,
    writes: first.id,
    nameOf,
    namesOf: (name) => (keyIdIn(name) === null ? [...hashed(name), name] : [name]),
    text: (text) => withoutAddresses(text, () => MASK),
    label: (text) => withoutAddresses(text, (address) => nameOf(address.toLowerCase())),
  };
}

/** What ends an address that stands in a text; all else may belong to one (RFC 5322 section 3.2.3). */
const BOUND = /[\s<>()[\],;:"\\]/u;
/** Scripts without spaces, whose words touch an address that is not in such a script itself. */
const UNSPACED = /[\u2e80-\uffef]/u;
const BOUND_OR_UNSPACED = /[\s<>()[\],;:"\\\u2e80-\uffef]/u;
/** An at sign, as it is or as URLs and quoted-printable have it. */
const AT = /@|[%=]40/giu;

/**
 * Replaces what looks like an address: whatever stands around an at sign, up to a bound; a quoted local part whole. Rather
 * too much than too little. Linear in the length of the text.
 */
export function withoutAddresses(text: string, replacement: (address: string) => string): string {
  const bounded = boundText(text, TEXT_BYTES_MAX);
  let out = '';
  let done = 0;
  for (const { index, 0: at } of bounded.matchAll(AT)) {
    if (index < done) continue;
    const start = startOf(bounded, index, done);
    let end = index + at.length;
    const isBound = boundOf(bounded[end]);
    while (end < bounded.length && !isBound.test(bounded[end] as string)) end++;
    out += bounded.slice(done, start) + replacement(bounded.slice(start, end));
    done = end;
  }
  return out + bounded.slice(done);
}

/** What ends an address on the side on which this character stands next to the at sign. */
const boundOf = (beside: string | undefined): RegExp =>
  beside !== undefined && UNSPACED.test(beside) ? BOUND : BOUND_OR_UNSPACED;

function startOf(text: string, at: number, least: number): number {
  let start = at;
  if (text[start - 1] === '"') {
    // Inside of the quotes a backslash takes the next character with it.
    for (start -= 2; start >= least; start--) {
      if (text[start] === '"' && !isEscaped(text, start)) return start;
    }
    return least;
  }
  const isBound = boundOf(text[start - 1]);
  while (start > least && !isBound.test(text[start - 1] as string)) start--;
  return start;
}

function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text[before - 1] === '\\') before--;
  return (at - before) % 2 === 1;
}

/** Reads addresses, and tells those of the public internet from all others. */

/** 4 or 16 bytes. */
export type AddressBytes = readonly number[];

/** A range of addresses, as `127.0.0.0/8` or `fd00::/8`. */
export interface Network {
  readonly bytes: AddressBytes;
  readonly bits: number;
}

function parseV4(text: string): AddressBytes | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part))) return null;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

function parseV6(text: string): AddressBytes | null {
  const dotted = /^(.*:)([0-9.]+)$/.exec(text);
  const tail = dotted?.[2]?.includes('.') ? parseV4(dotted[2]) : null;
  const [a = 0, b = 0, c = 0, d = 0] = tail ?? [];
  const whole = tail === null ? text : `${dotted?.[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const halves = whole.split('::');
  if (halves.length > 2) return null;
  const [left = [], right = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
}

/** The bytes of an address as it is written; null for what is none, zones (`%eth0`) among it. */
export const parseAddress = (text: string): AddressBytes | null => (text.includes(':') ? parseV6(text) : parseV4(text));

export function parseNetwork(text: string): Network | null {
  const [, address = '', length = ''] = /^([^/]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  const bytes = parseAddress(address);
  return bytes !== null && Number(length) <= bytes.length * 8 ? { bytes, bits: Number(length) } : null;
}

export function isInNetwork(address: AddressBytes, { bytes, bits }: Network): boolean {
  if (address.length !== bytes.length) return false;
  return bytes.every((byte, n) => {
    const shared = Math.min(8, Math.max(0, bits - n * 8));
    const mask = (255 << (8 - shared)) & 255;
    return ((address[n] ?? 0) & mask) === (byte & mask);
  });
}

/** The registries of special-purpose addresses (RFC 6890 and its updates), multicast, and what is reserved. */
const NOT_PUBLIC: readonly Network[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
].map((text) => parseNetwork(text) as Network);
/** Of IPv6 only what is given out as global unicast is public; these parts of it are not. */
const GLOBAL_V6 = parseNetwork('2000::/3') as Network;
const NOT_PUBLIC_V6: readonly Network[] = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map(
  (text) => parseNetwork(text) as Network,
);
const MAPPED_V4 = parseNetwork('::ffff:0:0/96') as Network;

/** An IPv4 address in the clothes of IPv6 is the IPv4 address. */
const unmapped = (address: AddressBytes): AddressBytes =>
  isInNetwork(address, MAPPED_V4) ? address.slice(12) : address;

/** Whether an address may be connected to on a stranger's word: it is public, or in a network that the operator allows. */
export function mayReach(text: string, allowed: readonly Network[]): boolean {
  const bytes = parseAddress(text);
  if (bytes === null) return false;
  const address = unmapped(bytes);
  if (allowed.some((network) => isInNetwork(address, network))) return true;
  if (address.length === 4) return !NOT_PUBLIC.some((network) => isInNetwork(address, network));
  return isInNetwork(address, GLOBAL_V6) && !NOT_PUBLIC_V6.some((network) => isInNetwork(address, network));
}

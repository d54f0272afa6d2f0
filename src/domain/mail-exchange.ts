/** A mail exchanger as its record has it; an empty name is the null MX (RFC 7505). */
export interface Exchanger {
  readonly host: string;
  readonly preference: number;
}

/** Exchangers of one domain that are looked at: an attacker may publish any number. */
export const EXCHANGERS_MAX = 20;
/** Longest name of a site. */
const SITE_LENGTH_MAX = 200;

/** True where a domain says that it takes no mail at all. */
export const isNullMx = (exchangers: readonly Exchanger[]): boolean =>
  exchangers.length > 0 && exchangers.every(({ host }) => host === '');

/**
 * The order in which exchangers are tried (RFC 5321 section 5.1): by preference, and equal ones in an order of chance, so that
 * they share the load. `chance` answers numbers in [0, 1).
 */
export function inOrder(exchangers: readonly Exchanger[], chance: () => number): readonly string[] {
  return exchangers
    .filter(({ host }) => host !== '')
    .map(({ host, preference }) => ({ host, preference, lot: chance() }))
    .sort((a, b) => a.preference - b.preference || a.lot - b.lot)
    .slice(0, EXCHANGERS_MAX)
    .map(({ host }) => host);
}

/** Every host once, sorted: what a group of domains with the same exchangers is known by. */
const setOf = (hosts: readonly string[]): readonly string[] =>
  [...new Set(hosts.map((host) => host.toLowerCase()))].sort().slice(0, EXCHANGERS_MAX);

/**
 * Name of the site behind exchangers: domains with the same ones are one site, whatever their names are. What the hosts end
 * with in common is written once: `(mx1|mx2).hoster.example`.
 */
export function siteNameOf(hosts: readonly string[]): string {
  const names = setOf(hosts);
  const [only] = names;
  if (only === undefined) return '';
  if (names.length === 1) return bounded(only);
  const labels = names.map((name) => name.split('.'));
  const shortest = Math.min(...labels.map((one) => one.length));
  let shared = 0;
  // Every name keeps a label of its own.
  while (shared < shortest - 1 && labels.every((one) => one.at(-1 - shared) === labels[0]?.at(-1 - shared))) shared++;
  const heads = labels.map((one) => one.slice(0, one.length - shared).join('.'));
  const tail = shared === 0 ? '' : `.${labels[0]?.slice(-shared).join('.')}`;
  return bounded(`(${heads.join('|')})${tail}`);
}

/** A long name is cut, and told apart by a checksum (FNV-1a) of what it was. */
function bounded(name: string): string {
  if (name.length <= SITE_LENGTH_MAX) return name;
  let sum = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) sum = Math.imul(sum ^ name.charCodeAt(at), 0x01000193) >>> 0;
  return `${name.slice(0, SITE_LENGTH_MAX - 9)}~${sum.toString(16).padStart(8, '0')}`;
}

interface Block {
  readonly bytes: readonly number[];
  readonly bits: number;
}

const block = (text: string): Block => {
  const [address = '', bits = ''] = text.split('/');
  return { bytes: bytesOf(address) ?? [], bits: Number(bits) };
};

/** Networks that no mail exchanger of the internet can be in (IANA special-purpose registries, RFC 6890 and its successors). */
const PRIVATE = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8',
  '100.64.0.0/10', // shared address space of carriers
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local, and the metadata services of clouds
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24', // documentation
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3', // multicast, reserved, broadcast
  '::/96', // unspecified, loopback, IPv4-compatible
  '64:ff9b:1::/48', // local translation
  '100::/64', // discard
  '2001:db8::/32', // documentation
  '2001::/32', // Teredo
  '2002::/16', // 6to4, which can wrap any IPv4 address
  'fc00::/7', // unique local
  'fe80::/9', // link-local and site-local
  'ff00::/8', // multicast
].map(block);

/** Prefixes of IPv6 addresses that hold an IPv4 address in their last four octets. */
const WRAPPING = ['::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96'].map(block);

/** True where an address cannot be a mail exchanger on the internet. What is no address at all is refused too. */
export function isPrivateAddress(address: string): boolean {
  const bytes = bytesOf(address);
  if (bytes === null) return true;
  if (bytes.length === 16 && WRAPPING.some((one) => isIn(bytes, one))) return isPrivateBytes(bytes.slice(12));
  return isPrivateBytes(bytes);
}

const isPrivateBytes = (bytes: readonly number[]): boolean => PRIVATE.some((one) => isIn(bytes, one));

function isIn(bytes: readonly number[], { bytes: network, bits }: Block): boolean {
  if (bytes.length !== network.length) return false;
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    const at = bit / 8;
    if (((bytes[at] as number) & mask) !== ((network[at] as number) & mask)) return false;
  }
  return true;
}

/** Four octets, or sixteen; null for what is no address. A zone (`%eth0`) makes none. */
function bytesOf(address: string): readonly number[] | null {
  if (!address.includes(':')) return ipv4Of(address);
  const [head = '', tail, ...more] = address.split('::');
  if (more.length > 0) return null;
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  if (left === null || right === null) return null;
  const missing = 16 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return [...left, ...Array.from({ length: missing }, () => 0), ...right];
}

function groupsOf(text: string): readonly number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.') && index === groups.length - 1) {
      const last = ipv4Of(group);
      if (last === null) return null;
      bytes.push(...last);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      return null;
    }
  }
  return bytes;
}

function ipv4Of(text: string): readonly number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part))) return null;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

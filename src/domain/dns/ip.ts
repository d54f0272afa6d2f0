/** An address as its octets: 4 or 16. */
export type Octets = readonly number[];

/** Reads an IPv4 or IPv6 address; null where it is none. A v4-mapped one is the IPv4 address that it stands for. */
export function parseAddress(text: string): Octets | null {
  return text.includes(':') ? parseSix(text) : parseFour(text);
}

function parseFour(text: string): Octets | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part))) return null;
  const octets = parts.map(Number);
  return octets.every((octet) => octet <= 255) ? octets : null;
}

function parseSix(text: string): Octets | null {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return null;
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  if (before === null || after === null) return null;
  const missing = 16 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  const octets = [...before, ...Array<number>(missing).fill(0), ...after];
  const isMapped = octets.slice(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255;
  return isMapped ? octets.slice(12) : octets;
}

function groupsOf(text: string): number[] | null {
  if (text === '') return [];
  const octets: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const four = index === groups.length - 1 ? parseFour(group) : null;
      if (four === null) return null;
      octets.push(...four);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 255);
    }
  }
  return octets.length <= 16 ? octets : null;
}

/** An address as text, IPv6 without shortening. */
export function formatAddress(address: Octets): string {
  if (address.length === 4) return address.join('.');
  const groups: string[] = [];
  for (let at = 0; at < address.length; at += 2) {
    groups.push((((address[at] as number) << 8) | (address[at + 1] as number)).toString(16));
  }
  return groups.join(':');
}

export const sameAddress = (left: string, right: string): boolean => {
  const a = parseAddress(left);
  const b = parseAddress(right);
  return a !== null && b !== null && inNetwork(a, b, b.length * 8);
};

/** Whether `address` lies in the network of `bits` leading bits; addresses of two families never do. */
export function inNetwork(address: Octets, network: Octets, bits: number): boolean {
  if (address.length !== network.length) return false;
  return address.every((octet, index) => {
    const left = Math.min(8, Math.max(0, bits - index * 8));
    const mask = (0xff00 >> left) & 0xff;
    return (octet & mask) === ((network[index] as number) & mask);
  });
}

/** `4.3.2.1` or sixteen octets as nibbles: the labels under which DNS keeps what belongs to an address. */
export function reversedLabels(address: Octets): string {
  if (address.length === 4) return [...address].reverse().join('.');
  const nibbles = address.flatMap((octet) => [octet >> 4, octet & 15]);
  return nibbles
    .reverse()
    .map((nibble) => nibble.toString(16))
    .join('.');
}

/** The name of the PTR record (RFC 1035 section 3.5, RFC 3596 section 2.5). */
export const reverseName = (address: Octets): string =>
  `${reversedLabels(address)}.${address.length === 4 ? 'in-addr' : 'ip6'}.arpa`;

/** Addresses that mean nothing beyond their own network (RFC 6890): nobody on the Internet sees them. */
export function isPrivateAddress(text: string): boolean {
  const address = parseAddress(text);
  return address !== null && PRIVATE.some(({ network, bits }) => inNetwork(address, network, bits));
}

const PRIVATE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/127',
  'fc00::/7',
  'fe80::/10',
].map((text) => {
  const [network = '', bits] = text.split('/');
  return { network: parseAddress(network) ?? [], bits: Number(bits) };
});

import type { ZoneRecord } from './finding.ts';

const TTL_SECONDS = 3_600;
/** Octets of one string of a TXT record (RFC 1035 section 3.3). */
const STRING_BYTES_MAX = 255;

/** One line of a zone file (RFC 1035 section 5), names in full. */
export function zoneLine({ name, type, value }: ZoneRecord): string {
  return `${name}. ${TTL_SECONDS} IN ${type} ${dataOf(type, value)}`;
}

function dataOf(type: ZoneRecord['type'], value: string): string {
  switch (type) {
    case 'TXT':
      return strings(value)
        .map((part) => `"${part.replace(/["\\]/g, '\\$&')}"`)
        .join(' ');
    case 'MX':
    case 'PTR':
      return `${value}.`;
    default:
      return value;
  }
}

/** A long text has several strings, which whoever reads it joins again. */
function strings(value: string): readonly string[] {
  const parts: string[] = [];
  for (let from = 0; from < value.length || from === 0; from += STRING_BYTES_MAX) {
    parts.push(value.slice(from, from + STRING_BYTES_MAX));
  }
  return parts;
}

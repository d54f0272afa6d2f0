import type { Millis } from './time.ts';

/** Random bytes that one id takes. */
export const ID_RANDOM_BYTES = 10;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * A UUID of version 7 (RFC 9562 section 5.7): 48 bits of time, 74 of chance. `random` holds `ID_RANDOM_BYTES`.
 * Ids of about the same time lie side by side, wherever they are sorted.
 */
export function uuidV7(now: Millis, random: Uint8Array): string {
  const hex = (n: number): string => HEX[random[n] as number] as string;
  const time = now.toString(16).padStart(12, '0');
  const version = HEX[0x70 | ((random[0] as number) & 0x0f)];
  const variant = HEX[0x80 | ((random[2] as number) & 0x3f)];
  const node = `${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(8)}${hex(9)}`;
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(1)}-${variant}${hex(3)}-${node}`;
}

/** Bytes of a hash that `uuidV8` takes. */
export const ID_HASH_BYTES = 16;

/** A UUID of version 8 (RFC 9562 section 5.8): 122 bits of a hash. The same bytes give the same id. */
export function uuidV8(hash: Uint8Array): string {
  const hex = Array.from(hash.subarray(0, ID_HASH_BYTES), (byte, n) => {
    if (n === 6) return HEX[0x80 | (byte & 0x0f)];
    return HEX[n === 8 ? 0x80 | (byte & 0x3f) : byte];
  }).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

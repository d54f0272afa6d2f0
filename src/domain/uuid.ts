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

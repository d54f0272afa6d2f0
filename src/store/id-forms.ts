const ZERO = 0x30;
const DASH = 0x2d;
const DIGITS_MAX = 14;
export const UUID_LENGTH = 36;

/** The number that some bytes spell, without a leading zero; -1 where they do not. */
export function digits(bytes: Buffer, from: number, end: number): number {
  const length = end - from;
  if (length === 0 || length > DIGITS_MAX || (length > 1 && bytes[from] === ZERO)) return -1;
  let number = 0;
  for (let at = from; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** 0 to 9 and a to f. */
const isHexDigit = (byte: number): boolean => (byte >= ZERO && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);

export function isHex(bytes: Buffer, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (!isHexDigit(bytes[at] as number)) return false;
  return true;
}

export function isUuid(bytes: Buffer, from: number): boolean {
  for (let n = 0; n < UUID_LENGTH; n++) {
    const byte = bytes[from + n] as number;
    const dash = n === 8 || n === 13 || n === 18 || n === 23;
    if (dash ? byte !== DASH : !isHexDigit(byte)) return false;
  }
  return true;
}

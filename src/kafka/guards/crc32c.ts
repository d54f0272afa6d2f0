/** Castagnoli's polynomial, bits reversed (RFC 3720 appendix B.4). */
const POLYNOMIAL = 0x82f63b78;
/** Bytes that are taken in at once, with a table for each place. */
const STRIDE = 8;

let tables: readonly Int32Array[] | null = null;

/** Table 0 is the usual one, byte by byte; table n says what a byte is worth n places further on. */
function makeTables(): readonly Int32Array[] {
  const made = Array.from({ length: STRIDE }, () => new Int32Array(256));
  const first = made[0] as Int32Array;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  for (let n = 1; n < STRIDE; n++) {
    const [before, table] = [made[n - 1] as Int32Array, made[n] as Int32Array];
    for (let byte = 0; byte < 256; byte++) {
      const crc = before[byte] as number;
      table[byte] = (first[crc & 0xff] as number) ^ (crc >>> 8);
    }
  }
  return made;
}

/** CRC-32C of the bytes from `start` on, unsigned. */
export function crc32c(bytes: Uint8Array, start = 0): number {
  tables ??= makeTables();
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as unknown as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let crc = -1;
  let at = start;
  for (const end = bytes.length - STRIDE; at <= end; at += STRIDE) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      (t7[crc & 0xff] as number) ^
      (t6[(crc >>> 8) & 0xff] as number) ^
      (t5[(crc >>> 16) & 0xff] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number);
  }
  for (; at < bytes.length; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

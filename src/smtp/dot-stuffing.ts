const DOT = 0x2e;
const LINE_AND_DOT = Buffer.from('\r\n.');

/** What ends a message whose last line is complete. */
export const FINAL_DOT = Buffer.from('.\r\n');

/** Doubles the dot at the beginning of every line (RFC 5321 section 4.5.2). Answers the same buffer where there is none. */
export function stuffDots(message: Buffer): Buffer {
  const first = message[0] === DOT ? 0 : message.indexOf(LINE_AND_DOT);
  if (first < 0) return message;
  const parts: Buffer[] = [];
  let start = 0;
  let dot = message[0] === DOT ? 0 : first + 2;
  while (dot >= 0) {
    // The dot is the last octet of one part and the first of the next.
    parts.push(message.subarray(start, dot + 1));
    start = dot;
    const next = message.indexOf(LINE_AND_DOT, dot);
    dot = next < 0 ? -1 : next + 2;
  }
  parts.push(message.subarray(start));
  return Buffer.concat(parts);
}

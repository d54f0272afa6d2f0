const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** A header field in relaxed form (RFC 6376 section 3.4.2), without the final CRLF. `line` is the field as it is sent. */
export function relaxedField(name: string, line: string): string {
  const value = line.slice(line.indexOf(':', name.length) + 1);
  return `${name.toLowerCase()}:${value.replace(/[ \t\r\n]+/g, ' ').trim()}`;
}

/**
 * A body in relaxed form (RFC 6376 section 3.4.4): runs of spaces and tabs become one space, those at the end of a line
 * and the empty lines at the end of the body go. Line ends must be CRLF.
 */
export function relaxedBody(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length + 2);
  let length = 0;
  let pendingSpace = false;
  // Octets up to the end of the last line that is not empty.
  let kept = 0;
  let inLine = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index] as number;
    if (byte === SPACE || byte === TAB) {
      pendingSpace = true;
      continue;
    }
    if (byte === CARRIAGE_RETURN && body[index + 1] === LINE_FEED) {
      out[length++] = CARRIAGE_RETURN;
      out[length++] = LINE_FEED;
      index += 1;
      if (inLine) kept = length;
      inLine = false;
      pendingSpace = false;
      continue;
    }
    if (pendingSpace) {
      out[length++] = SPACE;
      pendingSpace = false;
    }
    out[length++] = byte;
    inLine = true;
  }
  if (inLine) {
    out[length++] = CARRIAGE_RETURN;
    out[length++] = LINE_FEED;
    kept = length;
  }
  return out.subarray(0, kept);
}

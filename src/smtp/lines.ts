/** Octets of a line without its CRLF (RFC 5322 section 2.1.1): the limit that must be kept. */
export const LINE_BYTES_MAX = 998;

/** Every line end, however it was written, as CRLF; the last line complete. */
export const withCrlf = (text: string): string =>
  withLineEnd(text.includes('\r') ? text.replace(/\r\n?|\n/g, '\r\n') : text.replaceAll('\n', '\r\n'));

/** The last line made complete. */
export const withLineEnd = (text: string): string => (text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`);

/** True where a line of a text of single-octet characters is longer than SMTP carries. */
export function hasLongLine(text: string): boolean {
  let start = 0;
  for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n', start)) {
    if (end - start > LINE_BYTES_MAX) return true;
    start = end + 2;
  }
  return text.length - start > LINE_BYTES_MAX;
}

import libmime from 'libmime';

/** The text that encoded words (RFC 2047) stand for; as it is where they stand for nothing. */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text;
  try {
    return libmime.decodeWords(text);
  } catch {
    return text;
  }
}

/** What a message says of itself. Empty strings where a field is missing. */
export interface MessageNames {
  /** Value of X-Entity-Ref-ID: the job's id. */
  readonly jobId: string;
  /** With its angle brackets. */
  readonly messageId: string;
}

/** Longer values are cut: the journal is bounded. */
export const NAME_LENGTH_MAX = 2_000;

const JOB_ID = 'x-entity-ref-id:';
const MESSAGE_ID = 'message-id:';
const SPACE = 0x20;
const TAB = 0x09;

/** Finds job id and Message-ID in a header block of one character per octet. Of two equal fields the first counts. */
export function readNames(header: string): MessageNames {
  let jobId = '';
  let messageId = '';
  for (let start = 0; start < header.length; ) {
    const first = header.charCodeAt(start) | 0x20;
    if (first === 0x78 && jobId === '') jobId = decodeWords(valueAt(header, start, JOB_ID));
    else if (first === 0x6d && messageId === '') messageId = valueAt(header, start, MESSAGE_ID);
    const end = header.indexOf('\r\n', start);
    if (end < 0) break;
    start = end + 2;
  }
  return { jobId: jobId.slice(0, NAME_LENGTH_MAX), messageId: messageId.slice(0, NAME_LENGTH_MAX) };
}

/** The unfolded value of the field that begins at `start`, or an empty string where it has another name. */
function valueAt(header: string, start: number, name: string): string {
  const begin = start + name.length;
  if (header.slice(start, begin).toLowerCase() !== name) return '';
  let end = header.indexOf('\r\n', begin);
  while (end >= 0 && (header.charCodeAt(end + 2) === SPACE || header.charCodeAt(end + 2) === TAB)) {
    end = header.indexOf('\r\n', end + 2);
  }
  return header
    .slice(begin, end < 0 ? header.length : end)
    .replaceAll('\r\n', '')
    .trim();
}

const ENCODED_WORD = /=\?utf-8\?([bq])\?([^?\s]*)\?=(?:\s+(?==\?utf-8\?[bq]\?))?/gi;

/** Reads UTF-8 as it is and in encoded words (RFC 2047). Octets are joined first: a character may lie across two words. */
function decodeWords(value: string): string {
  const octets = value.includes('=?')
    ? value.replace(ENCODED_WORD, (_, encoding: string, text: string) =>
        encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64').toString('latin1') : decodeQ(text),
      )
    : value;
  return Buffer.from(octets, 'latin1').toString('utf8');
}

const decodeQ = (text: string): string =>
  text
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

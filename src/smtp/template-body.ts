import { createHash, hash } from 'node:crypto';
import { encode, wrap } from 'nodemailer/lib/qp';
import { toBase32 } from '../domain/base32.ts';
import { joinPieces, type Literal, type Piece } from '../templates/index.ts';
import { relaxedBody } from './dkim-canonical.ts';
import { type HeaderField, headerField } from './header-fields.ts';
import { textPart } from './text-part.ts';

/** The body of a mail that was made of a template: most of its bytes are those of every other mail of it. */
export interface TemplateBody {
  readonly fields: readonly HeaderField[];
  readonly body: Buffer;
  /** SHA-256 of the body in relaxed form, in base64 (RFC 6376 section 3.7); costs little until it is asked for. */
  bodyHash(): string;
}

/** Bytes of a body, and the same in relaxed form. Ends with a line that is not empty, so chunks can be put together. */
interface Chunk {
  readonly bytes: Buffer;
  readonly canonical: Buffer;
}

/** A line of quoted-printable has 76 characters with the mark at its end (RFC 2045 section 6.7). */
const LINE_LENGTH = 75;
/** A line break of the encoding, and none of the text. */
const SOFT_BREAK = '=\r\n';
const LINE_END = '\r\n';

/** In quoted-printable, as whole lines: what stands before and behind it is joined by soft line breaks. */
function chunkOf(text: string): Chunk {
  const lines = text.toWellFormed().replace(/\r\n?|\n/g, LINE_END);
  const bytes = Buffer.from(wrap(encode(lines), LINE_LENGTH) + SOFT_BREAK, 'latin1');
  return { bytes, canonical: relaxedBody(bytes) };
}

interface EncodedLiteral extends Chunk {
  /** Bytes of its text, and how many of them are no ASCII. */
  readonly textBytes: number;
  readonly otherBytes: number;
}

/** A stretch of a template is encoded, and brought into relaxed form, once. */
const literals = new WeakMap<Literal, EncodedLiteral>();

function encodedLiteral(piece: Literal): EncodedLiteral {
  const known = literals.get(piece);
  if (known) return known;
  const { literal } = piece;
  const textBytes = Buffer.byteLength(literal);
  // Every character above ASCII has a byte more than one, at least.
  const encoded = { ...chunkOf(literal), textBytes, otherBytes: (textBytes - literal.length) * 2 };
  literals.set(piece, encoded);
  return encoded;
}

interface Part {
  readonly encoding: 'quoted-printable' | 'base64';
  readonly chunks: readonly Chunk[];
}

/** Above this share of other characters base64 is shorter by so much that the template's own bytes are not worth keeping. */
const BASE64_SHARE = 1 / 4;

function partOf(pieces: readonly Piece[]): Part {
  let textBytes = 0;
  let otherBytes = 0;
  const chunks = pieces.map((piece) => {
    if (typeof piece === 'string') return chunkOf(piece);
    const encoded = encodedLiteral(piece);
    textBytes += encoded.textBytes;
    otherBytes += encoded.otherBytes;
    return encoded;
  });
  if (otherBytes <= textBytes * BASE64_SHARE) return { encoding: 'quoted-printable', chunks };
  const { encoding, content } = textPart(joinPieces(pieces));
  if (encoding !== 'base64') return { encoding: 'quoted-printable', chunks };
  const bytes = Buffer.from(content, 'latin1');
  return { encoding, chunks: [{ bytes, canonical: relaxedBody(bytes) }] };
}

/** Bytes that are their own relaxed form. */
const plain = (text: string): Chunk => {
  const bytes = Buffer.from(text, 'latin1');
  return { bytes, canonical: bytes };
};

/** A text always ends with a line end of its own. */
const TEXT_END: Chunk = plain(LINE_END);
/** At the end of a body empty lines count for nothing. */
const BODY_END: Chunk = { bytes: TEXT_END.bytes, canonical: Buffer.alloc(0) };

const endOf = ({ encoding }: Part, end: Chunk): readonly Chunk[] => (encoding === 'base64' ? [] : [end]);

/**
 * A boundary that no part can hold: in quoted-printable `=` is followed by a digit, a letter or a line end, and base64
 * has no hyphen. So it need not depend on what the parts say, and is the same for all mails of a template.
 */
const boundaryOf = (name: string): string =>
  `=_${toBase32(hash('sha256', `template boundary\u0000${name}`, 'buffer')).slice(0, 32)}`;

/**
 * Makes the body of a mail from the pieces of its text and its HTML. What the template says is taken as it was encoded
 * for the first mail; only what was put in is encoded anew. `name` stands for the template. Same pieces, same bytes.
 */
export function templateBody(text: readonly Piece[], html: readonly Piece[] | null, name: string): TemplateBody {
  const textOnly = partOf(text);
  if (html === null) {
    const fields = [
      headerField('Content-Type', 'text/plain; charset=utf-8'),
      headerField('Content-Transfer-Encoding', textOnly.encoding),
    ];
    return bodyOf(fields, [...textOnly.chunks, ...endOf(textOnly, BODY_END)]);
  }
  const markup = partOf(html);
  const boundary = boundaryOf(name);
  const head = (subtype: string, { encoding }: Part): Chunk =>
    plain(
      `--${boundary}\r\nContent-Type: text/${subtype}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`,
    );
  const fields = [
    headerField('Content-Type', `multipart/alternative; boundary="${boundary}"`),
    headerField('Content-Transfer-Encoding', '7bit'),
  ];
  return bodyOf(fields, [
    head('plain', textOnly),
    ...textOnly.chunks,
    ...endOf(textOnly, TEXT_END),
    plain(LINE_END),
    head('html', markup),
    ...markup.chunks,
    ...endOf(markup, TEXT_END),
    plain(`${LINE_END}--${boundary}--\r\n`),
  ]);
}

function bodyOf(fields: readonly HeaderField[], chunks: readonly Chunk[]): TemplateBody {
  return {
    fields,
    body: Buffer.concat(chunks.map(({ bytes }) => bytes)),
    bodyHash() {
      const digest = createHash('sha256');
      for (const { canonical } of chunks) digest.update(canonical);
      return digest.digest('base64');
    },
  };
}

import type { Emitter } from 'liquidjs';
import { type MergeFault, RENDERED_LENGTH_MAX } from '../domain/template.ts';
import type { ValueKind } from './html-state.ts';

/** A stretch of a template that is the same in every mail. The object itself is the same, too: encodings hang on it. */
export interface Literal {
  readonly literal: string;
}

/** What a rendered part is made of, in order: stretches of the template, and what was put between them. */
export type Piece = Literal | string;

export const pieceText = (piece: Piece): string => (typeof piece === 'string' ? piece : piece.literal);
export const joinPieces = (pieces: readonly Piece[]): string => pieces.map(pieceText).join('');

/** Thrown while a part is written: what is wrong with the value at hand. */
class Unfit extends Error {
  readonly problem: MergeFault['problem'];
  constructor(problem: MergeFault['problem'], detail: string) {
    super(detail);
    this.problem = problem;
  }
}

/** What a part is written into: keeps literals apart from values, and refuses values where they do not fit. */
export class PieceEmitter implements Emitter {
  /** Nobody looks at it: the emitter's other half is in `pieces`. */
  readonly buffer = '';
  readonly pieces: Piece[] = [];
  /** What is asked of the value that is written next. */
  kind: ValueKind = 'plain';
  /** Why the writing was broken off: the engine wraps what is thrown inside of it. */
  unfit: Unfit | null = null;
  private length = 0;
  private readonly oneLine: boolean;

  constructor(oneLine: boolean) {
    this.oneLine = oneLine;
  }

  write(written: unknown): void {
    const value = String(written);
    if (value === '') return;
    this.grow(value.length);
    const wrong = wrongWith(value, this.kind, this.oneLine);
    if (wrong) this.refuse(wrong);
    this.pieces.push(value);
  }

  writeLiteral(piece: Literal): void {
    this.grow(piece.literal.length);
    this.pieces.push(piece);
  }

  private grow(by: number): void {
    this.length += by;
    if (this.length > RENDERED_LENGTH_MAX) {
      this.refuse(new Unfit('too-long', `more than ${RENDERED_LENGTH_MAX} characters`));
    }
  }

  private refuse(unfit: Unfit): never {
    this.unfit = unfit;
    throw unfit;
  }
}

/** Escaped, so `&#34;` may stand for a quotation mark; none of them stands before the colon of a link that is allowed. */
const LINK = /^(?:https?:\/\/|mailto:|tel:|cid:|#)/i;
const STYLE = /^[\w#%., -]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what it looks for
const LINE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

function wrongWith(value: string, kind: ValueKind, oneLine: boolean): Unfit | null {
  if (oneLine && LINE.test(value))
    return new Unfit('text-forbidden', 'a value holds a line break or a control character');
  if (kind === 'link' && !LINK.test(value.trim())) {
    return new Unfit('link-forbidden', 'a link must begin with https://, http://, mailto:, tel: or cid:');
  }
  if (kind === 'style' && !STYLE.test(value)) {
    return new Unfit(
      'text-forbidden',
      'a value in a style attribute may hold letters, digits, spaces and # % . , - only',
    );
  }
  return null;
}

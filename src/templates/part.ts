import { type Context, type Emitter, Output, Tag, type Template } from 'liquidjs';
import {
  BRANCH_DEPTH_MAX,
  type MergeFault,
  type MergeScope,
  OPERATIONS_MAX,
  RENDERED_LENGTH_MAX,
  type TemplateFault,
} from '../domain/template.ts';
import { complaint, isOverLimit, missingName, parse, render, type Writing } from './engine.ts';
import { HTML_START, type HtmlState, kindAt, readHtml, type ValueKind } from './html-state.ts';

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

class PieceEmitter implements Emitter {
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

class LiteralNode implements Template {
  readonly token: Template['token'];
  private readonly piece: Literal;

  constructor({ token }: Template, literal: string) {
    this.token = token;
    this.piece = { literal };
  }

  render(_: Context, emitter: Emitter): void {
    (emitter as PieceEmitter).writeLiteral(this.piece);
  }
}

class PlaceholderNode implements Template {
  readonly token: Template['token'];
  private readonly output: Output;
  private readonly kind: ValueKind;

  constructor(output: Output, kind: ValueKind) {
    this.token = output.token;
    this.output = output;
    this.kind = kind;
  }

  *render(context: Context, emitter: Emitter): IterableIterator<unknown> {
    (emitter as PieceEmitter).kind = this.kind;
    yield* this.output.render(context, emitter);
  }

  /** What it looks up, for those who list a template's variables. */
  arguments(): ReturnType<Output['arguments']> {
    return this.output.arguments();
  }
}

/** One field of a template, read once. */
export interface Part {
  readonly field: string;
  readonly writing: Writing;
  /** Its values reach a header: they must not break a line. */
  readonly oneLine: boolean;
  readonly templates: Template[];
  /** Placeholders, tags and filters in it. */
  readonly operations: number;
}

class Refusal extends Error {
  readonly problem: TemplateFault['problem'];
  constructor(problem: TemplateFault['problem'], detail: string) {
    super(detail);
    this.problem = problem;
  }
}

export type PartResult =
  | { readonly ok: true; readonly part: Part }
  | { readonly ok: false; readonly fault: TemplateFault };

/** Reads one field. HTML is followed through its tags, so that every placeholder knows where it stands. */
export function compilePart(field: string, source: string, writing: Writing, oneLine: boolean): PartResult {
  try {
    // Looked at first: the engine's own reading goes as deep as tags lie in each other.
    if (source.split('{%').length - 1 > OPERATIONS_MAX) throw new Refusal('too-complex', TOO_MANY);
    const templates = parse(source.replace(/\r\n?/g, '\n').toWellFormed(), writing);
    const walk = new Walk(writing);
    walk.through(templates, HTML_START, 0);
    const operations = walk.count + filtersIn(source);
    return { ok: true, part: { field, writing, oneLine, templates, operations } };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, fault: { problem: error.problem, field, detail: error.message } };
    if (error instanceof RangeError) {
      return { ok: false, fault: { problem: 'too-complex', field, detail: 'is nested too deep' } };
    }
    return { ok: false, fault: { problem: 'syntax', field, detail: complaint(error) } };
  }
}

const TOO_MANY = `has more than ${OPERATIONS_MAX} placeholders, tags and filters`;

/** At most so many: a bar in a text in quotes counts, too. */
function filtersIn(source: string): number {
  let count = 0;
  for (const [markup] of source.matchAll(/\{[{%][^{}%]*[%}]\}/g)) count += markup.split('|').length - 1;
  return count;
}

interface Branching {
  readonly branches: readonly { readonly templates: Template[] }[];
  readonly elseTemplates?: Template[];
}

/** Puts our own nodes in the place of literals and placeholders, and judges where they stand. */
class Walk {
  private readonly writing: Writing;
  count = 0;

  constructor(writing: Writing) {
    this.writing = writing;
  }

  through(templates: Template[], from: HtmlState, depth: number): HtmlState {
    if (depth > BRANCH_DEPTH_MAX)
      throw new Refusal('too-complex', `has more than ${BRANCH_DEPTH_MAX} branches in each other`);
    let state = from;
    for (const [n, template] of templates.entries()) {
      if (template instanceof Output) {
        templates[n] = this.placeholder(template, state);
      } else if (template instanceof Tag) {
        this.tally();
        state = this.branches(template as unknown as Partial<Branching>, state, depth);
      } else {
        const literal = (template.token as unknown as { getContent(): string }).getContent();
        templates[n] = new LiteralNode(template, literal);
        if (this.writing === 'html') state = readHtml(state, literal);
      }
    }
    return state;
  }

  private tally(): void {
    if (++this.count > OPERATIONS_MAX) throw new Refusal('too-complex', TOO_MANY);
  }

  private placeholder(output: Output, state: HtmlState): PlaceholderNode {
    this.tally();
    if (this.writing === 'text') return new PlaceholderNode(output, 'plain');
    const kind = kindAt(state);
    const text = output.token.getText().slice(0, 80);
    if (kind === null) {
      throw new Refusal(
        'placeholder-misplaced',
        `${text} stands where a value could change the structure: put it into text, or into an attribute in quotes`,
      );
    }
    if (state.place !== 'text' && output.value.filters.at(-1)?.raw) {
      throw new Refusal('placeholder-misplaced', `${text} puts out HTML inside of a tag or a comment`);
    }
    return new PlaceholderNode(output, kind);
  }

  /** Whichever branch is taken, the text goes on where the template expects it to. */
  private branches({ branches, elseTemplates }: Partial<Branching>, from: HtmlState, depth: number): HtmlState {
    if (branches === undefined) return from;
    const bodies = [...branches.map(({ templates }) => templates), elseTemplates ?? []];
    const states = bodies.map((body) => this.through(body, from, depth + 1));
    const last = states.at(-1) as HtmlState;
    for (const { place, element, attribute } of states) {
      if (place === last.place && element === last.element && attribute === last.attribute) continue;
      throw new Refusal(
        'branch-unbalanced',
        'a branch opens or closes a tag or an attribute that another one does not',
      );
    }
    return { ...last, started: states.every(({ started }) => started) };
  }
}

export type Filled =
  | { readonly ok: true; readonly pieces: readonly Piece[] }
  | { readonly ok: false; readonly fault: MergeFault };

/** Fills a part with values. Same part and scope, same pieces. */
export function fill({ field, writing, oneLine, templates }: Part, scope: MergeScope): Filled {
  const emitter = new PieceEmitter(oneLine);
  try {
    render(templates, writing, scope, emitter);
    return { ok: true, pieces: emitter.pieces };
  } catch (error) {
    const { unfit } = emitter;
    if (unfit) return { ok: false, fault: { problem: unfit.problem, field, detail: unfit.message } };
    const missing = missingName(error);
    if (missing !== null) {
      return {
        ok: false,
        fault: { problem: 'variable-missing', field: `mergeData.${missing}`, detail: `${field} needs it` },
      };
    }
    const problem = isOverLimit(error) ? 'too-complex' : 'name-invalid';
    return { ok: false, fault: { problem, field, detail: complaint(error) } };
  }
}

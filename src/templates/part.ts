import { type Context, type Emitter, Output, Tag, type Template } from 'liquidjs';
import {
  BRANCH_DEPTH_MAX,
  type MergeFault,
  type MergeScope,
  OPERATIONS_MAX,
  type TemplateFault,
} from '../domain/template.ts';
import { complaint, escapeHtml, isOverLimit, missingName, parse, render, type Writing } from './engine.ts';
import { HTML_START, type HtmlState, kindAt, readHtml, type ValueKind } from './html-state.ts';
import { type Literal, type Piece, PieceEmitter } from './piece-emitter.ts';

class LiteralNode implements Template {
  readonly token: Template['token'];
  readonly piece: Literal;

  constructor({ token }: Template, literal: string) {
    this.token = token;
    this.piece = { literal };
  }

  render(_: Context, emitter: Emitter): void {
    (emitter as PieceEmitter).writeLiteral(this.piece);
  }
}

/** A placeholder that is nothing but a name. What Liquid knows of texts and lists beside what is in them is no such name. */
const NAME_ALONE = /^\{\{-?\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*-?\}\}$/;
const KEYWORDS = /(?:^|\.)(?:true|false|nil|null|empty|blank|size|first|last)(?:\.|$)/;

class PlaceholderNode implements Template {
  readonly token: Template['token'];
  readonly kind: ValueKind;
  /** What is looked up, step by step, where the placeholder is no more than a name; else null. */
  readonly path: readonly string[] | null;
  private readonly output: Output;

  constructor(output: Output, kind: ValueKind) {
    this.token = output.token;
    this.output = output;
    this.kind = kind;
    const name = NAME_ALONE.exec(output.token.getText())?.[1];
    this.path = name === undefined || KEYWORDS.test(name) ? null : name.split('.');
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
  /** The same, where it holds nothing but literals and names: it is filled without the engine. Else null. */
  readonly plain: readonly (LiteralNode | PlaceholderNode)[] | null;
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
    return { ok: true, part: { field, writing, oneLine, templates, plain: plainOf(templates), operations } };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, fault: { problem: error.problem, field, detail: error.message } };
    if (error instanceof RangeError) {
      return { ok: false, fault: { problem: 'too-complex', field, detail: 'is nested too deep' } };
    }
    return { ok: false, fault: { problem: 'syntax', field, detail: complaint(error) } };
  }
}

function plainOf(templates: Template[]): Part['plain'] {
  const isPlain = (one: Template): one is LiteralNode | PlaceholderNode =>
    one instanceof LiteralNode || (one instanceof PlaceholderNode && one.path !== null);
  return templates.every(isPlain) ? templates : null;
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

/**
 * What the engine does with literals and names, in a tenth of the time: an import tries every row's mail out. False where a
 * name stands for no text: the engine is then left to say what is wrong.
 */
function fillPlain(
  nodes: NonNullable<Part['plain']>,
  writing: Writing,
  scope: MergeScope,
  emitter: PieceEmitter,
): boolean {
  for (const node of nodes) {
    if (node instanceof LiteralNode) {
      emitter.writeLiteral(node.piece);
      continue;
    }
    let value: MergeScope | string | undefined = scope;
    for (const name of node.path as readonly string[]) value = typeof value === 'object' ? value[name] : undefined;
    if (typeof value !== 'string') return false;
    emitter.kind = node.kind;
    emitter.write(writing === 'html' ? escapeHtml(value) : value);
  }
  return true;
}

export type Filled =
  | { readonly ok: true; readonly pieces: readonly Piece[] }
  | { readonly ok: false; readonly fault: MergeFault };

/** Fills a part with values. Same part and scope, same pieces. */
export function fill({ field, writing, oneLine, templates, plain }: Part, scope: MergeScope): Filled {
  let emitter = new PieceEmitter(oneLine);
  try {
    if (plain !== null && fillPlain(plain, writing, scope, emitter)) return { ok: true, pieces: emitter.pieces };
    emitter = new PieceEmitter(oneLine);
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

import type { NameValue } from '../contracts/generated.ts';
import { type NamedMailbox, parseMailbox } from '../domain/address.ts';
import { isLink } from '../domain/job.ts';
import {
  FIELD_LENGTH_MAX,
  type MergeFault,
  type MergeProblem,
  type MergeScope,
  mergeScope,
  type OwnValues,
} from '../domain/template.ts';
import type { CompiledTemplate } from './compile.ts';
import { fill, type Part } from './part.ts';
import { joinPieces, type Piece } from './piece-emitter.ts';

/** What a template and the values of one mail make, before it is encoded. */
export interface RenderedMail {
  readonly from: NamedMailbox;
  readonly replyTo: NamedMailbox | null;
  readonly subject: string;
  /** For List-Unsubscribe; null: none. */
  readonly unsubscribeLink: string | null;
  readonly oneClick: boolean;
  readonly headers: readonly NameValue[];
  readonly html: readonly Piece[] | null;
  readonly text: readonly Piece[];
}

export type RenderResult =
  | { readonly ok: true; readonly mail: RenderedMail }
  | { readonly ok: false; readonly fault: MergeFault };

/** Ends a rendering at its first fault. */
class Misfit extends Error {
  readonly fault: MergeFault;
  constructor(fault: MergeFault) {
    super(fault.detail);
    this.fault = fault;
  }
}

const misfit = (problem: MergeProblem, field: string, detail: string): Misfit => new Misfit({ problem, field, detail });

/**
 * Makes the mail of a template and merge data. Same arguments, same answer, whatever the time and the machine; bounded in
 * work and size by the bounds of `domain/template.ts`. Never throws for what merge data holds.
 */
export function renderTemplate(
  template: CompiledTemplate,
  mergeData: readonly NameValue[],
  own: OwnValues,
): RenderResult {
  const made = mergeScope(mergeData, own);
  if (!made.ok) return made;
  try {
    return { ok: true, mail: rendered(template, made.scope, own) };
  } catch (error) {
    if (error instanceof Misfit) return { ok: false, fault: whole(error.fault, template.variables, made.scope) };
    throw error;
  }
}

/** Of `order.city` the engine misses `order` first; whoever reads of it wants to know the whole name. */
function whole(fault: MergeFault, variables: readonly string[], scope: MergeScope): MergeFault {
  if (fault.problem !== 'variable-missing') return fault;
  const inner = variables.find((name) => `mergeData.${name}`.startsWith(`${fault.field}.`) && !has(scope, name));
  return inner === undefined || variables.includes(fault.field.slice('mergeData.'.length))
    ? fault
    : { ...fault, field: `mergeData.${inner}` };
}

function has(scope: MergeScope, name: string): boolean {
  let at: MergeScope | string | undefined = scope;
  for (const part of name.split('.')) at = typeof at === 'object' ? at[part] : undefined;
  return at !== undefined;
}

/**
 * Why a job's merge data does not fit its template; null where it does. For whoever accepts jobs: it says now what the
 * worker would find out later.
 */
export function mergeFault(
  template: CompiledTemplate,
  mergeData: readonly NameValue[],
  own: OwnValues,
): MergeFault | null {
  const result = renderTemplate(template, mergeData, own);
  return result.ok ? null : result.fault;
}

function rendered(template: CompiledTemplate, scope: MergeScope, own: OwnValues): RenderedMail {
  const link = unsubscribeLinkOf(template, scope, own);
  if (link !== null) scope.unsubscribe_url = link;
  const { senderName, sender, replyTo, html, text } = template;
  return {
    from: { name: senderName === null ? '' : line(senderName, scope), mailbox: sender },
    replyTo: replyTo === null ? null : replyToOf(replyTo, scope),
    subject: line(template.subject, scope),
    unsubscribeLink: link,
    oneClick: template.oneClick,
    headers: template.headers.map(({ name, part }) => ({ name, value: line(part, scope) })),
    html: html === null ? null : pieces(html, scope),
    text: pieces(text, scope),
  };
}

function pieces(part: Part, scope: MergeScope): readonly Piece[] {
  const filled = fill(part, scope);
  if (!filled.ok) throw new Misfit(filled.fault);
  return filled.pieces;
}

/** A field of a header, filled in. */
function line(part: Part, scope: MergeScope): string {
  const text = joinPieces(pieces(part, scope));
  if (text.length > FIELD_LENGTH_MAX) {
    throw misfit('too-long', part.field, `would have ${text.length} characters; ${FIELD_LENGTH_MAX} are allowed`);
  }
  return text;
}

/** The mail's own value first, then the template's, then the pipeline's. */
function unsubscribeLinkOf(template: CompiledTemplate, scope: MergeScope, own: OwnValues): string | null {
  const { unsubscribeLink: part } = template;
  const given = scope.unsubscribe_url;
  const isGiven = typeof given === 'string' && given !== own.unsubscribe_url;
  const link = isGiven ? given : part === null ? own.unsubscribe_url : line(part, scope);
  if (link === null || link === '') return null;
  if (!isLink(link)) {
    const field = isGiven ? 'mergeData.unsubscribe_url' : 'unsubscribeLink';
    throw misfit('unsubscribe-link-invalid', field, 'must be an http, https or mailto URI');
  }
  return link;
}

function replyToOf({ name, address }: NonNullable<CompiledTemplate['replyTo']>, scope: MergeScope): NamedMailbox {
  const mailbox = parseMailbox(line(address, scope));
  if (!mailbox.ok) throw misfit('reply-to-invalid', 'replyTo', 'its placeholders make no mailbox');
  return { name: name === null ? '' : line(name, scope), mailbox: mailbox.value };
}

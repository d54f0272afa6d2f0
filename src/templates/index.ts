/** What others need of templates: read once, check at acceptance, render at sending. */

export { type CompiledTemplate, type CompileResult, compileTemplate } from './compile.ts';
export {
  type FindTemplate,
  type FoundTemplate,
  judgeTemplated,
  NO_OWN_LINKS,
  type OwnLinks,
  ownValuesOf,
  type TemplatedJob,
} from './judge.ts';
export { joinPieces, type Literal, type Piece } from './piece-emitter.ts';
export { mergeFault, type RenderedMail, type RenderResult, renderTemplate } from './render.ts';

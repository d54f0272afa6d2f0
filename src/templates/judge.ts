import type { EmailJob } from '../contracts/generated.ts';
import type { OwnValues, TemplatedFault, TemplatedVerdict, TemplateFault } from '../domain/template.ts';
import type { CompiledTemplate } from './compile.ts';
import { mergeFault } from './render.ts';

/** What is known of a version of a template. */
export type FoundTemplate =
  | { readonly kind: 'found'; readonly version: number; readonly template: CompiledTemplate }
  /** No row, as far as this view has read. */
  | { readonly kind: 'unknown' }
  /** Deleted, and no version was asked for by its number; `last` is the one before. */
  | { readonly kind: 'deleted'; readonly last: number | null }
  /** A row that this version of the program cannot make mails of. */
  | { readonly kind: 'broken'; readonly fault: TemplateFault };

/** Looks a version up; the newest one where it is null. */
export type FindTemplate = (tenant: string, templateId: string, version: number | null) => FoundTemplate;

/** A job as far as its template is concerned. */
export type TemplatedJob = Pick<
  EmailJob,
  'id' | 'tenant' | 'type' | 'recipient' | 'templateId' | 'templateVersion' | 'mergeData'
>;

/** The links that the pipeline makes itself; null where it makes none. */
export interface OwnLinks {
  unsubscribeUrlOf(job: TemplatedJob): string | null;
  viewUrlOf(job: TemplatedJob): string | null;
}

export const NO_OWN_LINKS: OwnLinks = { unsubscribeUrlOf: () => null, viewUrlOf: () => null };

/** What a mail brings along besides its merge data. */
export const ownValuesOf = (job: TemplatedJob, links: OwnLinks): OwnValues => ({
  recipient: job.recipient,
  unsubscribe_url: links.unsubscribeUrlOf(job),
  view_url: links.viewUrlOf(job),
});

const refused = (problem: TemplatedFault['problem'], field: string, detail: string): TemplatedVerdict => ({
  ok: false,
  fault: { problem, field, detail },
});

/**
 * Judges a job that names a template, as every producer does before it accepts one: there is such a version, and the merge
 * data makes a mail of it. Pure but for `find`; every fault is one that the worker would find, too late.
 */
export function judgeTemplated(
  job: TemplatedJob,
  find: FindTemplate,
  links: OwnLinks = NO_OWN_LINKS,
): TemplatedVerdict {
  const { tenant, templateId, templateVersion } = job;
  if (templateId === null) return refused('template-unknown', 'templateId', 'names no template');
  const found = find(tenant, templateId, templateVersion);
  switch (found.kind) {
    case 'unknown': {
      const field = templateVersion === null ? 'templateId' : 'templateVersion';
      return refused('template-unknown', field, 'there is no such template');
    }
    case 'deleted':
      return refused('template-deleted', 'templateId', 'the template was deleted');
    case 'broken':
      return refused('template-broken', 'templateId', `${found.fault.field}: ${found.fault.detail}`);
    default: {
      const fault = mergeFault(found.template, job.mergeData, ownValuesOf(job, links));
      return fault ? { ok: false, fault } : { ok: true, version: found.version };
    }
  }
}

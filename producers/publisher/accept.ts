import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type JobProblem, type JobRules, parseJob } from '../../src/domain/job.ts';
import { completeJob, type EmailJobInput } from '../../src/domain/job-input.ts';
import type { Millis } from '../../src/domain/time.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { type ShapeFault, shapeFault } from './shape.ts';

/** Why a job is not published. A closed list: what the router would refuse, what has no right shape, what is too large. */
export type PublishProblem = JobProblem | ShapeFault['problem'] | 'too-large';

export type Accepted =
  | { readonly ok: true; readonly job: EmailJob; readonly record: Output<EmailJob> }
  | { readonly ok: false; readonly problem: PublishProblem; readonly detail: string };

/** What the shell knows and the input does not say. */
export interface AcceptContext {
  readonly now: Millis;
  /** Makes the id of a job that brings none. */
  readonly newId: () => string;
  readonly rules: JobRules;
}

/**
 * Fills the defaults in and checks the job as the router will, so that whoever wrote it hears of a mistake now and not from
 * a dead letter. Answers the record to append, or the first thing that is wrong. The input may be anything at all.
 */
export function acceptJob(input: unknown, context: AcceptContext): Accepted {
  const fault = shapeFault(input);
  if (fault) return { ok: false, ...fault };
  const job = completeJob(input as EmailJobInput, context.newId);
  const parsed = parseJob(job, context.now, context.rules);
  if (!parsed.ok) return { ok: false, problem: parsed.problem, detail: parsed.detail };
  return { ok: true, job, record: emit(topics.ingest(parsed.job.type), job.id, job) };
}

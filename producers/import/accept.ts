import type { EmailJob } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { type JobProblem, type JobRules, parseJob } from '../../src/domain/job.ts';
import { completeJob, type PayloadInput } from '../../src/domain/job-input.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import type { MappedRow } from './mapping.ts';

/** What all mails of an import have in common. */
export interface Mailing {
  /** What the ids of its jobs begin with: the same row of the same import is always the same job. */
  readonly importId: string;
  readonly tenant: string;
  readonly type: EmailType;
  readonly campaign: string | null;
  readonly tags: readonly string[];
  readonly sendAt: Millis | null;
  readonly content: Content;
}

export type Content =
  | { readonly kind: 'template'; readonly id: string; readonly version: number }
  | { readonly kind: 'payload'; readonly payload: PayloadInput };

export type Accepted =
  | { readonly ok: true; readonly job: EmailJob; readonly record: Output<EmailJob> }
  | { readonly ok: false; readonly problem: JobProblem; readonly detail: string };

/**
 * Makes the job of one row and checks it as the router will. The id follows from the import and the row's key, or its line
 * where it has none: read again, the row is the same job, and the router lets it through once.
 */
export function acceptRow(row: MappedRow, line: number, mailing: Mailing, now: Millis, rules: JobRules): Accepted {
  const { importId, tenant, type, campaign, content } = mailing;
  const job = completeJob(
    {
      id: jobIdOf(importId, row.key ?? String(line)),
      tenant,
      type,
      recipient: row.recipient,
      campaign,
      tags: [...mailing.tags, ...row.tags],
      metadata: row.metadata,
      sendAt: row.times.sendAt ?? mailing.sendAt,
      expiresAt: row.times.expiresAt ?? null,
      ...(content.kind === 'template'
        ? { templateId: content.id, templateVersion: content.version, mergeData: row.mergeData }
        : { payload: { ...content.payload, ...row.payload } }),
    },
    () => '',
  );
  const parsed = parseJob(job, now, rules);
  if (!parsed.ok) return { ok: false, problem: parsed.problem, detail: parsed.detail };
  return { ok: true, job, record: emit(topics.ingest(type), job.id, job) };
}

export const jobIdOf = (importId: string, key: string): string => `${importId}:${key}`;

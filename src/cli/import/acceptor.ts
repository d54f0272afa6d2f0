import { acceptRow, type Mailing } from '../../../producers/import/accept.ts';
import type { Imported } from '../../../producers/import/import.ts';
import { type Compiled, compileMapping, type MappingRules } from '../../../producers/import/mapping.ts';
import type { EmailJob } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { isPostlaneError } from '../../domain/error.ts';
import type { JobRules } from '../../domain/job.ts';
import type { GoodRow } from '../../rows/row.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { Clock } from '../../runtime/ports.ts';
import { mergeFault, type OwnLinks, ownValuesOf } from '../../templates/index.ts';
import type { ImportTemplate } from './template.ts';

export interface AcceptorParts {
  readonly mailing: Mailing;
  readonly mapping: MappingRules;
  readonly template: ImportTemplate | null;
  readonly rules: JobRules;
  /** As workers will make them. */
  readonly links: OwnLinks;
  readonly codec: Pick<Codec, 'encode'>;
  readonly clock: Clock;
}

export type Judged =
  | { readonly ok: true; readonly job: EmailJob }
  | { readonly ok: false; readonly problem: string; readonly detail: string };

/** Turns rows into jobs and jobs into records, as the pipeline will judge them. */
export class RowAcceptor {
  private readonly parts: AcceptorParts;
  private columns: readonly string[] = [];
  private compiled: Compiled | null = null;

  constructor(parts: AcceptorParts) {
    this.parts = parts;
  }

  /** What the row becomes, or the first thing that is wrong with it. */
  judge(row: GoodRow): Judged {
    const { mailing, rules, clock } = this.parts;
    const compiled = this.mappingFor(row.columns);
    if (!compiled.ok) return compiled;
    const mapped = compiled.map(row.fields);
    if (!mapped.ok) return mapped;
    const accepted = acceptRow(mapped.row, row.line, mailing, clock.now(), rules);
    return accepted.ok ? (this.unmergeable(accepted.job) ?? accepted) : accepted;
  }

  accept(row: GoodRow): Imported {
    const judged = this.judge(row);
    if (!judged.ok) return judged;
    const { job } = judged;
    const topic = topics.ingest(this.parts.mailing.type);
    try {
      return { ok: true, record: { topic: topic.name, key: job.id, value: this.parts.codec.encode(topic, job) } };
    } catch (error) {
      if (!isPostlaneError(error, 'LIMIT_EXCEEDED')) throw error;
      const detail = `${error.facts.bytes} bytes; ${error.facts.bytesMax} are allowed`;
      return { ok: false, problem: 'too-large', detail };
    }
  }

  private unmergeable(job: EmailJob): (Judged & { readonly ok: false }) | null {
    const { template, links } = this.parts;
    if (template === null) return null;
    const fault = mergeFault(template.compiled, job.mergeData, ownValuesOf(job, links));
    return fault === null ? null : { ok: false, problem: fault.problem, detail: `${fault.field}: ${fault.detail}` };
  }

  /** Rows of one file mostly have the same columns. */
  private mappingFor(columns: readonly string[]): Compiled {
    if (this.compiled !== null && isSame(this.columns, columns)) return this.compiled;
    this.columns = columns;
    this.compiled = compileMapping(columns, this.parts.mapping);
    return this.compiled;
  }
}

const isSame = (left: readonly string[], right: readonly string[]): boolean =>
  left === right || (left.length === right.length && left.every((name, n) => name === right[n]));

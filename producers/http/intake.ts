import type { EmailJob } from '../../src/contracts/generated.ts';
import type { JobRules } from '../../src/domain/job.ts';
import type { TemplatedVerdict } from '../../src/domain/template.ts';
import type { Validate } from '../../src/http/validation.ts';
import type { AnswerStore } from '../../src/limits/answer-store.ts';
import type { RequestLimits } from '../../src/limits/request-limits.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Clock, Landed, LogRecord, Telemetry } from '../../src/runtime/ports.ts';

/** Appends records durably: `src/kafka/publisher.ts` does. */
export interface Appender {
  /** Settles when all of the records are replicated. Whoever's call failed may have appended all the same. */
  append(records: readonly LogRecord[]): Promise<readonly Landed[]>;
}

/** What the routes need of their surroundings. */
export interface Intake {
  readonly appender: Appender;
  readonly codec: Codec;
  readonly answers: AnswerStore;
  readonly limits: RequestLimits;
  readonly rules: JobRules;
  readonly templates: {
    /** Judges a job that names a template. */
    judge(job: EmailJob): TemplatedVerdict;
    /** Settles when everything is known that was put before the call; false where that takes too long. */
    caughtUp(): Promise<boolean>;
  };
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly newId: () => string;
  /** 16 bytes that stand for the parts, one after the other. */
  readonly hash: (parts: readonly (string | Uint8Array)[]) => Buffer;
  readonly mailFault: Validate;
  /** An append that takes longer is answered with 503; it may land all the same. */
  readonly appendMsMax: number;
}

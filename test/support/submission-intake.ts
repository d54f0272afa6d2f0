import type { Intake } from '../../producers/smtp/submit.ts';
import type { EmailJob } from '../../src/contracts/generated.ts';
import type { Caller } from '../../src/domain/api-key.ts';
import { JOB_RULES_DEFAULT } from '../../src/domain/job.ts';
import { idHash } from '../../src/host/new-ids.ts';
import { MemoryAnswers } from '../../src/limits/memory-answers.ts';
import { MemoryRequestLimits } from '../../src/limits/request-limits.ts';
import type { LogRecord } from '../../src/runtime/ports.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

export const NOW = 1_800_000_000_000;

export const callerOf = (over: Partial<Caller> = {}): Caller => ({
  keyId: 'pl_aaaaaaaaaaaa',
  tenant: 'default',
  scopes: new Set(['emails:send']),
  requestsPerSecond: null,
  mailsPerDay: null,
  ...over,
});

/** What handing in by SMTP needs, in memory, and the jobs that were appended. */
export function memoryIntake(over: Partial<Intake> = {}) {
  const codec = new MemoryCodec();
  const clock = new VirtualClock(NOW);
  const telemetry = new RecordingTelemetry();
  const records: LogRecord[] = [];
  let ids = 0;
  const intake: Intake = {
    appender: {
      async append(more) {
        records.push(...more);
        return more.map(({ topic }) => ({ topic, partition: 0, offset: 0 }));
      },
    },
    codec,
    answers: new MemoryAnswers(clock),
    limits: new MemoryRequestLimits(clock),
    rules: JOB_RULES_DEFAULT,
    typeDefault: 'transactional',
    clock,
    telemetry,
    newId: () => `new-${++ids}`,
    hash: idHash,
    appendMsMax: 1_000,
    ...over,
  };
  const jobs = (): EmailJob[] =>
    records.map(({ topic, value }) => {
      const decoded = codec.decode({ name: topic, schema: 'EmailJob' } as never, value as Buffer);
      if (!decoded.ok) throw new Error(decoded.reason);
      return decoded.value as EmailJob;
    });
  return { intake, jobs, records, clock, telemetry };
}

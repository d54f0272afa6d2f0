import { createHash } from 'node:crypto';
import type { DeadLetter, EmailJob } from '../contracts/generated.ts';
import { type Topic, topics } from '../contracts/topic.ts';
import { type JobRules, parseJob } from '../domain/job.ts';
import type { Millis } from '../domain/time.ts';
import { ID_HASH_BYTES, uuidV8 } from '../domain/uuid.ts';
import { everyTopic } from '../host/every-topic.ts';
import { rangesOf } from '../kafka/topic-ends.ts';
import { scanTopics } from '../kafka/topic-scan.ts';
import { encodeOutputs } from '../runtime/encode.ts';
import type { LogRecord } from '../runtime/ports.ts';
import { emit, type Output } from '../runtime/processor.ts';
import type { PipelineAccess } from './open-pipeline.ts';

/** A dead letter, and where it lies in `email.dead-letters`: `<partition>@<offset>`. */
export interface PlacedLetter {
  readonly place: string;
  readonly letter: DeadLetter;
}

export interface LetterFilter {
  readonly places?: ReadonlySet<string>;
  readonly reason?: string;
  readonly stage?: string;
  /** Topic that the record was read from. */
  readonly topic?: string;
  readonly job?: string;
  readonly since?: Millis;
}

/** Shows every letter that fits, in the order of their partitions, as they are read. */
export async function readLetters(
  { kafka, codec }: PipelineAccess,
  filter: LetterFilter,
  signal: AbortSignal,
  show: (found: PlacedLetter) => void | Promise<void>,
): Promise<void> {
  const topic = topics.deadLetters;
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [topic.name]),
    follow: false,
    signal,
    apply: async (_, partition, records) => {
      await codec.prepare(topic, records);
      for (const { offset, value } of records) {
        const decoded = codec.decode(topic, value);
        const place = `${partition}@${offset}`;
        if (decoded.ok && fits(place, decoded.value, filter)) await show({ place, letter: decoded.value });
      }
    },
  });
}

const fits = (place: string, letter: DeadLetter, { places, reason, stage, topic, job, since }: LetterFilter): boolean =>
  (places === undefined || places.has(place)) &&
  (reason === undefined || letter.reason === reason) &&
  (stage === undefined || letter.stage === stage) &&
  (topic === undefined || letter.topic === topic) &&
  (job === undefined || letter.jobId === job) &&
  (since === undefined || letter.at >= since);

/** What becomes of a letter that is requeued. */
export type Requeue =
  | { readonly ok: true; readonly id: string; readonly record: LogRecord }
  | { readonly ok: false; readonly why: string };

/** Entry of the metadata that leads from a requeued job to the one it was. */
const REQUEUED_FROM = 'postlane.requeued-from';
const PAIRS_MAX = 100;

/**
 * The job in a letter as a record for the way in. A job that has ended stays ended: what is requeued is another job with an
 * id that follows from the letter's origin, so requeuing it twice sends it once. Only what never was a job, since nobody could
 * read it, comes in under its own id.
 */
export async function requeueOf(
  { codec }: PipelineAccess,
  letter: DeadLetter,
  rules: JobRules,
  now: Millis,
): Promise<Requeue> {
  const origin = everyTopic().find(({ name }) => name === letter.topic) as Topic<EmailJob> | undefined;
  if (origin?.schema !== 'EmailJob' || letter.value === null) return { ok: false, why: 'it holds no job' };
  const stored = { offset: letter.offset, key: letter.key, value: letter.value, headers: {}, at: letter.at };
  await codec.prepare(origin, [stored]);
  const decoded = codec.decode(origin, letter.value);
  if (!decoded.ok) return { ok: false, why: `it still cannot be read: ${decoded.reason}` };
  const job = letter.jobId === null ? decoded.value : renamed(decoded.value, letter);
  const parsed = parseJob(job, now, rules);
  if (!parsed.ok) return { ok: false, why: `it would be refused again: ${parsed.problem} ${parsed.detail}`.trimEnd() };
  const output = emit(topics.ingest(parsed.job.type), job.id, job) as Output;
  return { ok: true, id: job.id, record: encodeOutputs(codec, [output])[0] as LogRecord };
}

function renamed(job: EmailJob, { topic, partition, offset }: DeadLetter): EmailJob {
  const hash = createHash('sha256')
    .update(JSON.stringify([topic, partition, offset, job.tenant, job.id]))
    .digest();
  const from = { name: REQUEUED_FROM, value: job.id };
  const metadata = job.metadata.length < PAIRS_MAX ? [...job.metadata, from] : job.metadata;
  return { ...job, id: uuidV8(hash.subarray(0, ID_HASH_BYTES)), metadata };
}

import type { CatalogOptions } from '../contracts/catalog.ts';
import { CATALOG_DEFAULTS, deadLetterMessageBytesMax } from '../contracts/catalog.ts';
import type { Topic } from '../contracts/topic.ts';

/** Values that are neither jobs nor hold one are small; more is an accident or an attack. */
const VALUE_BYTES_MAX = 1_000_000;

/** Of what a topic takes in one batch, for the key and the frame. */
const FRAME_BYTES = 16 * 1024;

export const JOB_BYTES_MAX_DEFAULT: CatalogOptions['jobBytesMax'] = CATALOG_DEFAULTS.jobBytesMax;

/** Largest value of a topic, in bytes, where a job may have `jobBytesMax`. Bounded before a byte of it is read. */
export function valueBytesMax(topic: Topic<unknown>, jobBytesMax: number): number {
  if (topic.schema === 'EmailJob') return jobBytesMax;
  if (topic.schema === 'DeadLetter') return deadLetterMessageBytesMax(jobBytesMax) - FRAME_BYTES;
  return VALUE_BYTES_MAX;
}

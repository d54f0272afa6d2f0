import type { Millis } from './time.ts';

/** A time without its zone would mean another moment on another machine. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** The moment that an ISO 8601 text with its time zone names; null for any other text. */
export function parseIsoTime(text: string): Millis | null {
  const at = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

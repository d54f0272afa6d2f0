/** Milliseconds since the Unix epoch, or a span of milliseconds where the name says `…Ms`. */
export type Millis = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** The last moment that RFC 3339 can write. */
export const TIME_MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A time as RFC 3339; what lies beyond the year 9999, which some say for "never", as the end of that. */
export const writtenTime = (at: Millis): string => new Date(Math.min(at, TIME_MS_MAX)).toISOString();

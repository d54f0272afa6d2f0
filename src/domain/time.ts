/** Milliseconds since the Unix epoch, or a span of milliseconds where the name says `…Ms`. */
export type Millis = number;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

import type { Environment } from './document.ts';

export type { Environment } from './document.ts';

/** A copy of the process's environment: the one place that reads it. */
export const environment = (): Environment => ({ ...process.env });

import type { Environment } from './document.ts';

export type { Environment } from './document.ts';

/** The process's environment: the one place that reads it. Not a copy, which would keep what it holds in memory for good. */
export const environment = (): Environment => process.env;

/** Which region a process or a command is for; `--region` of the command line outranks it. */
export const REGION_VARIABLE = 'POSTLANE_REGION';

/** Set by whoever starts a process in a session of its own: what the process does to its session concerns nobody else. */
export const OWN_SESSION_VARIABLE = 'POSTLANE_OWN_SESSION';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy of the process's environment: the one place that reads it. */
export const environment = (): Environment => ({ ...process.env });

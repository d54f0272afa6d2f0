import { type Guard, guarded } from './guard.ts';

type Attempt = (bail: (error: Error) => void, ...counts: number[]) => Promise<unknown>;
type Retrier = (attempt: Attempt) => Promise<unknown>;

interface RetryOptions {
  /** Ends the retries of a client that was thrown away. */
  readonly signal?: AbortSignal;
}

/**
 * Ends retries when the client is thrown away. kafkajs goes on trying in the background after it was disconnected, and
 * connects again for it, until its retries are used up.
 */
export const retry: Guard = {
  name: 'retry',
  path: 'retry',
  wrap: (original: (options?: RetryOptions) => Retrier) =>
    guarded('retry', (options?: RetryOptions): Retrier => {
      const retrier = original(options);
      const signal = options?.signal;
      if (!signal) return retrier;
      return (attempt) =>
        retrier(async (bail, ...counts) => {
          if (signal.aborted) return bail(new Error('this client was thrown away'));
          return attempt(bail, ...counts);
        });
    }),
};

/** Requests to the registry at a time. */
const REQUESTS_MAX = 8;

/** Runs the work for each item, a few at a time. The first error ends it; what was begun is awaited before it is thrown. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const item of left) {
      if (failed) return;
      await work(item);
    }
  };
  const lanes = Array.from({ length: Math.min(REQUESTS_MAX, items.length) }, () =>
    lane().catch((error) => {
      failed = true;
      throw error;
    }),
  );
  const results = await Promise.allSettled(lanes);
  const rejected = results.find((result) => result.status === 'rejected');
  if (rejected) throw rejected.reason;
}

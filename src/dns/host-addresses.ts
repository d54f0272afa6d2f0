import { lookup } from 'node:dns/promises';

/**
 * Every address of a host, as the machine's resolver knows it. Throws what the resolver throws, and an error with the code
 * ETIMEOUT where it does not answer in time.
 */
export async function hostAddresses(hostname: string, withinMs: number): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error(`no answer within ${withinMs} ms`), { code: 'ETIMEOUT' });
    timer = setTimeout(reject, withinMs, error);
  });
  try {
    const found = await Promise.race([lookup(hostname, { all: true, verbatim: true }), late]);
    return found.map(({ address }) => address);
  } finally {
    clearTimeout(timer);
  }
}

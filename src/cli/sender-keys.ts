import type { Config } from '../config/types.ts';
import type { DkimExpectation } from '../domain/dns/check-dkim.ts';
import { resolveSecret } from '../secrets/resolve.ts';
import { dkimRecord } from '../smtp/dkim.ts';

/** The keys of a domain that the configuration names, with the records that belong to them. */
export async function configuredKeysOf(config: Config, domain: string): Promise<readonly DkimExpectation[]> {
  const sender = config.senders.list.find((candidate) => candidate.domain === domain);
  return Promise.all(
    (sender?.dkim ?? []).map(async ({ selector, privateKey }) => {
      const record = await resolveSecret(privateKey).then(dkimRecord, () => null);
      return { selector, record, waiting: false };
    }),
  );
}

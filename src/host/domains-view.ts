import { join } from 'node:path';
import { topics } from '../contracts/topic.ts';
import { LEARNED_MS_MAX } from '../dns/mail-exchangers.ts';
import { PROVIDERS } from '../domain/policy.ts';
import type { ProviderOf } from '../domain/provider.ts';
import { ViewFollower } from '../kafka/view-follower.ts';
import type { Stoppable } from '../runtime/ports.ts';
import { TableStore } from '../store/table-store.ts';
import type { Host } from './host.ts';

/** Which provider runs the mailboxes of a domain, as workers learned it. On disk: there are as many rows as domains. */
export interface DomainsView extends Stoppable {
  /** `given` where that knows the domain; else what was learned in the last weeks, else `other`. */
  over(given: ProviderOf): ProviderOf;
}

export async function openDomains({ kafka, clock, codec, telemetry }: Host, directory: string): Promise<DomainsView> {
  const topic = topics.domains;
  const store = await TableStore.open({ directory: join(directory, 'domains'), topic, codec, telemetry });
  const follower = new ViewFollower({ kafka, topic: topic.name, store, clock, telemetry });
  await follower.start();
  return {
    over: (given) => (domain) => {
      const provider = given(domain);
      if (provider !== 'other') return provider;
      const row = store.get(domain);
      if (row === undefined || row.at < clock.now() - LEARNED_MS_MAX) return 'other';
      return PROVIDERS.find((one) => one === row.provider) ?? 'other';
    },
    async stop() {
      await follower.stop();
      await store.close();
    },
  };
}

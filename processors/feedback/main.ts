import { hash } from 'node:crypto';
import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import { providerIndex } from '../../src/domain/provider.ts';
import { AddressKeys } from '../../src/host/address-keys.ts';
import { feedbackRoutesOf } from '../../src/host/feedback-routes.ts';
import type { Host, Hosted } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { openSentMails } from '../../src/host/sent-mails.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { restoreSeen, SEEN_HASH_BYTES } from '../../src/runtime/seen-port.ts';
import { openSeenStores } from '../../src/store/seen-store.ts';
import { FEEDBACK_GROUP, FEEDBACK_WINDOW_MS, feedbackDefinition } from './index.ts';

/** Events of one transaction. */
const BATCH_MAX = 300;

/** Starts a feedback processor in this process. */
export async function startFeedback(host: Host): Promise<Hosted> {
  const { config, codec } = host;
  const directory = await claimInstanceDirectory(config.stateDir, 'feedback');
  const seen = await openSeenStores(join(directory.path, 'seen'));
  const mails = await openSentMails(host, directory.path);
  const routes = feedbackRoutesOf(config);
  const addressKeys = await AddressKeys.open(host);
  const definition = feedbackDefinition({
    mails,
    rules: { routeOf: (name) => routes.get(name), feedbackSenderId: config.feedbackId.senderId },
    names: addressKeys.names,
    providerOf: providerIndex(config.providers),
    hash: (text) => hash('sha256', text, 'buffer').subarray(0, SEEN_HASH_BYTES),
    openSeen: async (partition, restore, nextOffset) => {
      const store = seen.open('feedback', partition);
      const from = { restore, nextOffset, windowMs: FEEDBACK_WINDOW_MS, codec };
      await restoreSeen(store, topics.feedbackSeen, partition, from);
      return store;
    },
  });
  const hosted = await hostStream(host, FEEDBACK_GROUP, definition, { batchMax: BATCH_MAX });
  return {
    ...hosted,
    async stop() {
      await hosted.stop();
      await mails.stop();
      await addressKeys.stop();
      await seen.close();
      await directory.release();
    },
  };
}

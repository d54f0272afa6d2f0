import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { DeliveryResult } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { EMAIL_TYPES } from '../domain/policy.ts';
import { foldedAddress, mergedMail, type SentMail, sentMailOf } from '../domain/sent-mail.ts';
import { DAY_MS } from '../domain/time.ts';
import { DIGEST_BYTES, digestInput } from '../domain/verp.ts';
import { ViewFollower } from '../kafka/view-follower.ts';
import type { Stoppable } from '../runtime/ports.ts';
import type { SentMails } from '../runtime/sent-mails-port.ts';
import { IndexedStore } from '../store/indexed-store.ts';
import type { Host } from './host.ts';
import { indexedView, type TopicFold } from './indexed-view.ts';
import { sample } from './sampler.ts';

/** As long as results are kept (topics.yaml): a report that comes later finds its mail no more. */
const KEPT_MS = 30 * DAY_MS;
/** Of the mails to one address, so many are looked at. */
const TO_ONE_MAX = 50;

/** Parts with their lengths, so that no two keys are one. */
const jobKey = (tenant: string, jobId: string): string => `${tenant.length} ${tenant} ${jobId}`;

const indexes = {
  digest: (digest: string) => `digest ${digest}`,
  messageId: (messageId: string) => `message-id ${messageId}`,
  recipient: (folded: string) => `recipient ${folded}`,
} as const;

function indexesOf({ digest, messageId, recipient }: SentMail): readonly string[] {
  const folded = foldedAddress(recipient);
  return [
    ...(digest === null ? [] : [indexes.digest(digest)]),
    ...(messageId === null ? [] : [indexes.messageId(messageId)]),
    ...(folded === null ? [] : [indexes.recipient(folded)]),
  ];
}

const digestOf = (tenant: string, jobId: string): string =>
  hash('sha256', digestInput(tenant, jobId), 'buffer').subarray(0, DIGEST_BYTES).toString('hex');

/**
 * Follows the results of the last thirty days into a store of its own in `directory`: which mails we have sent, by all that
 * a report may name one by. Settles when it has caught up.
 */
export async function openSentMails(
  host: Pick<Host, 'clock' | 'codec' | 'kafka' | 'telemetry'>,
  directory: string,
): Promise<SentMails & Stoppable> {
  const { clock, codec, kafka, telemetry } = host;
  const lastOf = ({ at }: SentMail) => at;
  const store = await IndexedStore.open<SentMail>({
    directory: join(directory, 'sent-mails'),
    indexesOf,
    orderOf: lastOf,
    lastOf,
  });
  const parts = { codec, telemetry, forgetBefore: () => clock.now() - KEPT_MS };
  const followers = EMAIL_TYPES.map((type) => {
    const fold: TopicFold<SentMail, DeliveryResult> = {
      topic: topics.results(type),
      keyOf: ({ tenant, jobId }) => jobKey(tenant, jobId),
      fold(row, result) {
        const mail = sentMailOf(result, digestOf);
        return mail === null ? null : mergedMail(row, mail);
      },
    };
    return new ViewFollower({
      kafka,
      topic: fold.topic.name,
      store: indexedView(store, fold, parts),
      clock,
      telemetry,
    });
  });
  await Promise.all(followers.map((follower) => follower.start()));
  const stalenessMs = () => Math.max(...followers.map((follower) => follower.stalenessMs()));
  const stopSampling = sample(() =>
    telemetry.gauge('postlane_view_staleness_ms', stalenessMs(), { topic: 'email.results' }),
  );
  const newest = (index: string, limit: number) => (store.page(index, null, limit) ?? []).map(({ row }) => row);
  return {
    byJob: (tenant, jobId) => store.get(jobKey(tenant, jobId)),
    byDigest: (digest) => newest(indexes.digest(digest), 1)[0] ?? null,
    byMessageId: (messageId) => newest(indexes.messageId(messageId), 1)[0] ?? null,
    to: (folded) => newest(indexes.recipient(folded), TO_ONE_MAX),
    currentAt: (now) => now - stalenessMs(),
    async stop() {
      stopSampling();
      await Promise.all(followers.map((follower) => follower.stop()));
      await store.close();
    },
  };
}

import { createPublisher } from '../../producers/publisher/create.ts';
import { jobOf, mailOf } from './mails.ts';
import { newsletterJobs } from './newsletter.ts';
import type { PublishAnswer, PublishRequest } from './pipeline.ts';
import { serve } from './processes.ts';

/** A publisher of jobs in a process of its own, as an application would have it. */
interface Settings {
  readonly brokers: readonly string[];
  readonly schemaRegistryUrl: string;
}

/** Jobs that are handed over before the oldest is acknowledged, where there is no rate. */
const UNDER_WAY_MAX = 2_000;

serve<Settings, PublishRequest, PublishAnswer>(async (settings) => {
  const publisher = await createPublisher(settings);
  return {
    close: () => publisher.close(),
    async answer({ run, first, count, type, sites, perSecond, newsletter }) {
      const job = newsletter
        ? newsletterJobs(newsletter, run, type)
        : (index: number) => jobOf(mailOf(run, index, sites), type);
      const startedAt = Date.now();
      const publishedAt: number[] = [];
      const underWay: Promise<unknown>[] = [];
      for (let n = 0; n < count; n++) {
        if (perSecond === undefined) {
          if (underWay.length >= UNDER_WAY_MAX) await underWay[n - UNDER_WAY_MAX];
        } else {
          // By the clock and not from one job to the next: a late one must not slow the others down.
          const waitMs = startedAt + (n * 1_000) / perSecond - Date.now();
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          publishedAt.push(Date.now());
        }
        underWay.push(publisher.publish(job(first + n)));
      }
      await Promise.all(underWay);
      return { startedAt, endedAt: Date.now(), publishedAt };
    },
  };
});

import { Queue, Worker } from 'bullmq';
import { type BenchMail, mailOf, nodemailerMail } from './mails.ts';
import { type SendAnswer, type SendRequest, type TransportSettings, transportOf } from './nodemailer-transport.ts';
import { serve } from './processes.ts';

/** The usual way in Node: jobs in Redis with BullMQ, and a worker that hands them to nodemailer's pool. */
interface Settings extends TransportSettings {
  readonly redisPort: number;
}

/** Jobs that are added by one call. */
const BULK = 500;

serve<Settings, SendRequest, SendAnswer>(async (settings) => {
  const connection = { host: '127.0.0.1', port: settings.redisPort };
  const transport = transportOf(settings);
  const queue = new Queue<BenchMail>('bench', {
    connection,
    defaultJobOptions: { removeOnComplete: true, attempts: 3 },
  });
  const worker = new Worker<BenchMail>('bench', async (job) => transport.sendMail(nodemailerMail(job.data)), {
    connection,
    concurrency: settings.connections * 2,
  });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  return {
    async close() {
      await worker.close();
      await queue.close();
      transport.close();
    },
    async answer({ run, count }) {
      const startedAt = Date.now();
      for (let first = 0; first < count; first += BULK) {
        const size = Math.min(BULK, count - first);
        await queue.addBulk(
          Array.from({ length: size }, (_, n) => {
            const mail = mailOf(run, first + n);
            return { name: 'mail', data: mail, opts: { jobId: mail.id } };
          }),
        );
      }
      return { startedAt };
    },
  };
});

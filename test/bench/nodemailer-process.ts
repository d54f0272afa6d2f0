import { mailOf, nodemailerMail } from './mails.ts';
import { type SendAnswer, type SendRequest, type TransportSettings, transportOf } from './nodemailer-transport.ts';
import { serve } from './processes.ts';

/** nodemailer's pool alone: no queue, nothing durable; what an application does that sends mail by itself. */
serve<TransportSettings, SendRequest, SendAnswer>(async (settings) => {
  const transport = transportOf(settings);
  // More under way than connections: a mail is composed and signed while others are handed over.
  const underWay = settings.connections * 2;
  return {
    close: async () => transport.close(),
    async answer({ run, count }) {
      const startedAt = Date.now();
      let next = 0;
      const send = async (): Promise<void> => {
        while (next < count) await transport.sendMail(nodemailerMail(mailOf(run, next++)));
      };
      await Promise.all(Array.from({ length: underWay }, send));
      return { startedAt };
    },
  };
});

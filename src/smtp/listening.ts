import type { AddressInfo } from 'node:net';
import type { SMTPServer } from 'smtp-server';
import { PostlaneError } from '../domain/error.ts';
import type { Clock } from '../runtime/ports.ts';

/** What the SMTP servers that take mail have in common. */

/** How long mails that are being taken may go on once a server is to stop. */
export const DRAIN_MS = 10_000;
/** For the last reply to leave. */
export const CLOSE_MS = 200;
const DRAIN_LOOK_MS = 20;

/** What smtp-server answers a command with instead of taking it; an enhanced code stands in the text. */
export const refusal = (code: number, text: string): Error => Object.assign(new Error(text), { responseCode: code });

/** Listens; answers the port. Throws INFRA_UNAVAILABLE where it is taken. */
export function listen(
  { server }: SMTPServer,
  { what, host, port }: { readonly what: string; readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(new PostlaneError('INFRA_UNAVAILABLE', { what, host, port }, { cause }));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Closes a server when none of its mails is under way any more, or after so long. */
export async function closeDrained(
  server: SMTPServer,
  { underWay, withinMs, clock }: { readonly underWay: () => number; readonly withinMs: number; readonly clock: Clock },
): Promise<void> {
  const deadline = clock.now() + withinMs;
  while (underWay() > 0 && clock.now() < deadline) await clock.sleep(DRAIN_LOOK_MS);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

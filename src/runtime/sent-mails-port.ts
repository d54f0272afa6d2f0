import type { SentMail } from '../domain/sent-mail.ts';
import type { Millis } from '../domain/time.ts';

/** The port to the mails that we have sent, for whoever binds reports to them. `src/host/sent-mails.ts` keeps it. */
export interface SentMails {
  byJob(tenant: string, jobId: string): SentMail | null;
  /** By the digest that return paths carry of jobs with long names, in hexadecimal digits. */
  byDigest(digest: string): SentMail | null;
  /** Without angle brackets. */
  byMessageId(messageId: string): SentMail | null;
  /** The newest mails to a folded address, the newest first; a few. */
  to(folded: string): readonly SentMail[];
  /** What results said until then is known. */
  currentAt(now: Millis): Millis;
}

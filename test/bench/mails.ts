import type { EmailJobInput } from '../../src/domain/job-input.ts';
import type { EmailType } from '../../src/domain/policy.ts';

/** What every arm sends: the same mail for the same index, and another one for every other index. */
export interface BenchMail {
  readonly id: string;
  readonly recipient: string;
  readonly from: string;
  readonly subject: string;
  readonly html: string;
  readonly unsubscribeLink: string;
}

/** As many providers as there are lanes of a queue, in equal parts. */
export const SITES = ['google.test', 'microsoft.test', 'yahoo.test', 'apple.test', 'other.test'] as const;

export const SENDER_DOMAIN = 'shop.example';

const HTML_BYTES = 2_048;
const WORDS = 'your order has left our house and will be with you before the end of the week so please wait'.split(' ');

/** A body of 2 KB whose words depend on the index, so that no two are alike and none can be cached. */
function htmlOf(index: number): string {
  let html = `<html><body><h1>Order ${index}</h1>\n`;
  let state = (index * 2_654_435_761 + 1) >>> 0;
  while (html.length < HTML_BYTES) {
    html += '<p>';
    for (let word = 0; word < 10; word++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      html += `${WORDS[(state >>> 8) % WORDS.length]} `;
    }
    html += `${state.toString(36)}</p>\n`;
  }
  return `${html}</body></html>\n`;
}

/** `run` sets the mails of one run apart from those of every other. */
export const mailOf = (run: string, index: number, sites: readonly string[] = SITES): BenchMail => ({
  id: `${run}-${index}`,
  recipient: `user${index}@${sites[index % sites.length]}`,
  from: `Shop <hello@${SENDER_DOMAIN}>`,
  subject: `Your order ${index}`,
  html: htmlOf(index),
  unsubscribeLink: `https://${SENDER_DOMAIN}/unsubscribe/${index}`,
});

/** The mail as the pipeline takes it. */
export const jobOf = (mail: BenchMail, type: EmailType): EmailJobInput => ({
  id: mail.id,
  type,
  recipient: mail.recipient,
  payload: { from: mail.from, subject: mail.subject, html: mail.html, unsubscribeLink: mail.unsubscribeLink },
});

/** The mail as nodemailer takes it. The job's id goes along, so that the journal knows it. */
export const nodemailerMail = (mail: BenchMail) => ({
  from: mail.from,
  to: mail.recipient,
  subject: mail.subject,
  html: mail.html,
  headers: { 'List-Unsubscribe': `<${mail.unsubscribeLink}>`, 'X-Entity-Ref-ID': mail.id },
});

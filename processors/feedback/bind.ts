import type { FeedbackEvent } from '../../src/contracts/generated.ts';
import type { FeedbackRoute } from '../../src/domain/feedback/route.ts';
import { feedbackIdOf } from '../../src/domain/feedback-id.ts';
import { isEmailType } from '../../src/domain/job.ts';
import { foldedAddress, type SentMail } from '../../src/domain/sent-mail.ts';
import type { SentMails } from '../../src/runtime/sent-mails-port.ts';

export interface BindRules {
  readonly routeOf: (name: string) => FeedbackRoute | undefined;
  /** Last part of our Feedback-IDs. */
  readonly feedbackSenderId: string;
}

/** Why a report counts for nothing by itself. A closed list: it is counted. */
export type Unbound =
  | 'no-route' // came by a route that is not configured any more
  | 'no-reference' // names no mail
  | 'unknown-mail' // names a mail, and none of ours is known by it
  | 'other-recipient' // names a mail of ours that went to somebody else
  | 'other-tenant' // its route speaks for another tenant
  | 'other-source' // its route speaks for other sources
  | 'unsigned'; // names a campaign, which everybody knows who got a mail of it

export type Binding =
  | {
      readonly kind: 'bound';
      readonly mail: SentMail;
      readonly by: 'link' | 'return-path' | 'message-id' | 'feedback-id';
    }
  | { readonly kind: 'unbound'; readonly why: Unbound };

const unbound = (why: Unbound): Binding => ({ kind: 'unbound', why });

/**
 * Binds an event to the mail that it is about: by a link of ours, by the signed token of its return path, else by Message-ID, else by
 * Feedback-ID. A job has one recipient: whatever address a report names, it can only speak of that one.
 */
export function bind(event: FeedbackEvent, mails: SentMails, rules: BindRules): Binding {
  const route = rules.routeOf(event.route);
  if (route === undefined) return unbound('no-route');
  if (route.ours) return byLink(event, mails);
  const found = find(event, mails, route, rules);
  if (found.kind === 'unbound') return found;
  const { tenant, source } = found.mail;
  if (route.tenant !== null && route.tenant !== tenant) return unbound('other-tenant');
  if (route.sources.length > 0 && !route.sources.includes(source ?? '')) return unbound('other-source');
  return found;
}

function find(event: FeedbackEvent, mails: SentMails, route: FeedbackRoute, rules: BindRules): Binding {
  const { tenant, jobId, jobDigest, messageId, feedbackId } = event;
  const hasToken = jobDigest !== null || (tenant !== null && jobId !== null);
  if (hasToken) {
    // A token is proof of its job, and of nothing else: what the report names besides is not looked at.
    const mail = jobDigest !== null ? mails.byDigest(jobDigest) : mails.byJob(tenant as string, jobId as string);
    return mail === null ? unbound('unknown-mail') : { kind: 'bound', mail, by: 'return-path' };
  }
  const mail = messageId === null ? null : mails.byMessageId(messageId);
  if (mail !== null) {
    // Who got a copy of the mail, or of its header, knows its Message-ID.
    const isTheirs = event.recipient === null || foldedAddress(event.recipient) === foldedAddress(mail.recipient);
    return isTheirs ? { kind: 'bound', mail, by: 'message-id' } : unbound('other-recipient');
  }
  if (feedbackId !== null && event.recipient !== null) return byCampaign(event, mails, route, rules);
  return unbound(messageId === null ? 'no-reference' : 'unknown-mail');
}

/**
 * An unsubscribe link of ours says whom it was made for. It holds for longer than mails are known: what is known of its
 * mail besides is told along with it, and is not needed.
 */
function byLink({ tenant, recipient, jobId, mailType, at }: FeedbackEvent, mails: SentMails): Binding {
  if (tenant === null || recipient === null || mailType === null || !isEmailType(mailType)) {
    return unbound('no-reference');
  }
  const known = jobId === null ? null : mails.byJob(tenant, jobId);
  const isTheirs = known !== null && foldedAddress(known.recipient) === foldedAddress(recipient);
  const nothing = { campaign: null, tags: [], metadata: [], source: null, messageId: null, digest: null };
  const told = { tenant, jobId: jobId ?? '', type: mailType, recipient, at };
  return { kind: 'bound', mail: isTheirs ? known : { ...nothing, ...told }, by: 'link' };
}

/** The newest mail of the campaign to that recipient. */
function byCampaign(event: FeedbackEvent, mails: SentMails, { signed }: FeedbackRoute, rules: BindRules): Binding {
  if (!signed) return unbound('unsigned');
  const folded = foldedAddress(event.recipient as string);
  const sent = folded === null ? [] : mails.to(folded);
  const mail = sent.find((one) => feedbackIdOf(one, rules.feedbackSenderId) === event.feedbackId);
  return mail === undefined ? unbound('unknown-mail') : { kind: 'bound', mail, by: 'feedback-id' };
}

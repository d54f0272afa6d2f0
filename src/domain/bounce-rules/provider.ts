import type { BounceRule } from '../classification.ts';

/**
 * What providers call a refusal in their callbacks, where the reply of the refusing server says nothing: `provider: ` and the
 * provider's own names. The sources are the providers' documentations of their events.
 */
export const PROVIDER_RULES: readonly BounceRule[] = [
  {
    id: 'provider-no-such-mailbox',
    text: /^provider: (?:ses permanent\/(?:noemail|general)|postmark (?:hardbounce|bademailaddress)|sendgrid bounce\/invalid(?: address)?|sendgrid dropped\/(?:bounced address|invalid))$/i,
    class: 'invalid-recipient',
    severity: 'hard',
    why: 'the provider calls it a permanent bounce of that address, and quotes no reply that says otherwise',
    samples: ['550 provider: ses permanent/noemail', 'provider: postmark hardbounce'],
  },
  {
    id: 'provider-suppressed',
    text: /^provider: (?:ses permanent\/(?:suppressed|onaccountsuppressionlist)|mailgun failed\/permanent\/suppress-bounce)$/i,
    class: 'invalid-recipient',
    severity: 'hard',
    why: 'the provider did not even send it, because the address bounced before',
    samples: ['550 provider: ses permanent/suppressed'],
  },
  {
    id: 'provider-mailbox-full',
    text: /^provider: (?:ses (?:transient|delay)\/mailboxfull|sendgrid \w+\/mailbox full)$/i,
    class: 'mailbox-full',
    severity: 'soft',
    why: 'the provider says that the mailbox is full',
    samples: ['450 provider: ses transient/mailboxfull'],
  },
  {
    id: 'provider-content',
    text: /^provider: (?:ses transient\/(?:contentrejected|attachmentrejected)|postmark (?:spamnotification|virusnotification)|sendgrid \w+\/content|mailgun rejected\/.*)$/i,
    class: 'spam-content',
    severity: 'none',
    why: 'the provider says that the content was refused',
    samples: ['550 provider: ses transient/contentrejected'],
  },
  {
    id: 'provider-too-large',
    text: /^provider: ses transient\/messagetoolarge$/i,
    class: 'too-large',
    severity: 'none',
    why: 'the provider says that the mail is too large',
    samples: ['550 provider: ses transient/messagetoolarge'],
  },
  {
    id: 'provider-blocked',
    text: /^provider: (?:postmark (?:blocked|dmarcpolicy)|sendgrid \w+\/(?:blocked|reputation))$/i,
    class: 'policy',
    severity: 'none',
    why: 'the provider says that the sender was refused, not the recipient',
    samples: ['550 provider: postmark blocked'],
  },
  {
    id: 'provider-path',
    text: /^provider: (?:postmark (?:dnserror|softbounce)|sendgrid \w+\/technical|ses delay\/(?:internalfailure|ipfailure|recipientservererror|transientcommunicationfailure|undetermined))$/i,
    class: 'routing',
    severity: 'none',
    why: 'the provider says that the site could not be reached',
    samples: ['450 provider: postmark dnserror'],
  },
  {
    id: 'provider-expired',
    text: /^provider: (?:ses (?:transient|delay)\/customtimeoutexceeded|mailgun failed\/permanent\/old)$/i,
    class: 'retries-exhausted',
    severity: 'soft',
    why: 'the provider gave up waiting; final for this mail, no proof about the address',
    samples: ['450 provider: ses transient/customtimeoutexceeded'],
  },
];

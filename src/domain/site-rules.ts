import type { Provider, SiteLimits } from './policy.ts';

/**
 * What is known of the servers behind a set of mail exchangers. The first rule wins of which **every** exchanger of a domain
 * is: a domain that lists one host of Google's among its own is not Google's.
 */
export interface SiteRule {
  /** Name of the site: limits, circuits and conditions are kept under it. */
  readonly id: string;
  /** Whose lane the mails belong in. */
  readonly provider: Provider;
  /** Hosts; with a leading dot every name below. Lower case. */
  readonly mx: readonly string[];
  /** Null: those of the provider's entry in the configuration. */
  readonly limits: SiteLimits | null;
  /** `required`: a server of this site that offers no STARTTLS, or a broken one, is not talked to. */
  readonly tls: 'opportunistic' | 'required';
  readonly why: string;
  /** Exchangers that the rule is for: `postlane providers check` shows that it gets them. */
  readonly samples: readonly string[];
}

const limits = (
  connectionsMax: number,
  messagesPerConnectionMax: number,
  ratePerMinute: number | null = null,
): SiteLimits => ({ connectionsMax, messagesPerConnectionMax, ratePerMinute });

/**
 * Version of the table; it changes whenever a rule does. The figures are those that operators of mail servers publish for
 * one sending address.
 */
export const SITE_RULES_VERSION = '1';

export const SITE_RULES: readonly SiteRule[] = [
  {
    id: 'google',
    provider: 'google',
    mx: ['.google.com', '.googlemail.com', '.google.test'],
    limits: null,
    tls: 'required',
    why: 'consumers and Workspace domains answer from one system that counts connections over all of its names; it has offered STARTTLS for years, so a server without it is not Google',
    samples: ['gmail-smtp-in.l.google.com', 'aspmx.l.google.com', 'alt1.aspmx.l.google.com'],
  },
  {
    id: 'yahoo',
    provider: 'yahoo',
    mx: ['.yahoodns.net', '.yahoo.test'],
    limits: null,
    tls: 'opportunistic',
    why: 'Yahoo and AOL are one system; it ends a connection after twenty mails and lets the next one begin at once',
    samples: ['mta5.am0.yahoodns.net', 'mx-aol.mail.gm0.yahoodns.net'],
  },
  {
    id: 'microsoft',
    provider: 'microsoft',
    mx: ['.olc.protection.outlook.com', '.mail.protection.outlook.com', '.mx.microsoft', '.microsoft.test'],
    limits: null,
    tls: 'opportunistic',
    why: 'consumers and companies are served by groups that each take five connections, but an address that one of them throttles has a bad name at all: they share the five',
    samples: [
      'outlook-com.olc.protection.outlook.com',
      'shop-example.mail.protection.outlook.com',
      'shop-example.a-v1.mx.microsoft',
    ],
  },
  {
    id: 'apple',
    provider: 'apple',
    mx: ['.mail.icloud.com', '.apple.test'],
    limits: null,
    tls: 'opportunistic',
    why: 'iCloud addresses and own domains there come in through the same hosts, which take few mails per connection',
    samples: ['mx01.mail.icloud.com'],
  },
  {
    id: 'comcast',
    provider: 'other',
    mx: ['.comcast.net'],
    limits: limits(25, 1_000),
    tls: 'required',
    why: 'takes many mails over a connection, and always offers STARTTLS',
    samples: ['mx1.mxge.comcast.net'],
  },
  {
    id: 'orange',
    provider: 'other',
    mx: ['.orange.fr', '.wanadoo.fr'],
    limits: limits(2, 100),
    tls: 'required',
    why: 'refuses a third connection from one address, for all of its names together',
    samples: ['smtp-in.orange.fr'],
  },
  {
    id: 'gmx',
    provider: 'other',
    mx: ['.gmx.net', '.web.de', '.kundenserver.de', '.1and1.com', '.ionos.com'],
    limits: limits(4, 20),
    tls: 'opportunistic',
    why: 'GMX, WEB.DE and the hosting of the same house answer with one filter, which counts connections per address',
    samples: ['mx00.gmx.net', 'mx-ha02.web.de', 'mx00.kundenserver.de'],
  },
  {
    id: 'qq',
    provider: 'other',
    mx: ['.qq.com'],
    limits: limits(4, 8),
    tls: 'opportunistic',
    why: 'closes after a few mails and delays addresses that come with more',
    samples: ['mx1.qq.com', 'mxbiz1.qq.com'],
  },
  {
    id: 'netease',
    provider: 'other',
    mx: ['.netease.com', '.163.com', '.126.com'],
    limits: limits(4, 7),
    tls: 'opportunistic',
    why: '163.com, 126.com and companies there share exchangers that take few mails per connection',
    samples: ['163mx01.mxmail.netease.com'],
  },
  {
    id: 'yahoo-japan',
    provider: 'other',
    mx: ['.yahoo.co.jp'],
    limits: limits(2, 20, 600),
    tls: 'opportunistic',
    why: 'a company of its own with rules of its own: two connections and ten mails per second',
    samples: ['mx1.mail.yahoo.co.jp'],
  },
  {
    id: 'barracuda',
    provider: 'other',
    mx: ['.barracudanetworks.com'],
    limits: limits(10, 15),
    tls: 'opportunistic',
    why: 'a filter before many companies that counts over all of them',
    samples: ['d12345a.ess.barracudanetworks.com'],
  },
  {
    id: 'kpn',
    provider: 'other',
    mx: ['.kpnmail.nl'],
    limits: limits(10, 10),
    tls: 'opportunistic',
    why: 'ends a connection after ten mails',
    samples: ['mx.kpnmail.nl'],
  },
];

/** Whether a host is one of a list: itself, or below an entry that begins with a dot. */
export const isHostOf = (host: string, entries: readonly string[]): boolean =>
  entries.some((entry) => (entry.startsWith('.') ? host.endsWith(entry) : host === entry));

/** The rule for a domain with these exchangers; null where no rule has all of them. */
export function siteRuleOf(hosts: readonly string[], rules: readonly SiteRule[]): SiteRule | null {
  if (hosts.length === 0) return null;
  return rules.find(({ mx }) => hosts.every((host) => isHostOf(host, mx))) ?? null;
}

const REASON_LENGTH_MIN = 20;

/** What is wrong with a table of sites, as data: names used twice, rules without a reason, and rules that get nothing. */
export function checkSiteRules(rules: readonly SiteRule[]): readonly { rule: string; problem: string }[] {
  const seen = new Set<string>();
  return rules.flatMap((rule) => {
    const problems: { rule: string; problem: string }[] = [];
    const add = (problem: string) => problems.push({ rule: rule.id, problem });
    if (seen.has(rule.id)) add('there is another site of this name');
    seen.add(rule.id);
    // A lane's mails have the provider for their site: under another name they would go from lane to lane for ever.
    if (rule.provider !== 'other' && rule.id !== rule.provider) add('has the lane of a provider, and not its name');
    if (rule.why.trim().length < REASON_LENGTH_MIN) add('does not say why');
    if (rule.mx.length === 0) add('has no exchangers: no domain can be its');
    if (rule.samples.length === 0) add('has no sample that shows that it is reachable');
    for (const sample of rule.samples) {
      if (!isHostOf(sample, rule.mx)) add(`does not match its own sample "${sample}"`);
      const first = siteRuleOf([sample], rules);
      if (first && first.id !== rule.id) add(`"${first.id}" comes first and takes its sample "${sample}"`);
    }
    return problems;
  });
}

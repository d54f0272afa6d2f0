import type { Command } from 'commander';
import type { Config } from '../../config/types.ts';
import type { MailExchangers } from '../../dns/mail-exchangers.ts';
import { classify } from '../../domain/classification.ts';
import type { SiteLimits } from '../../domain/policy.ts';
import { providerIndex } from '../../domain/provider.ts';
import { readRefusal } from '../../domain/refusal.ts';
import {
  checkShapingRules,
  SHAPING_RULES,
  SHAPING_RULES_VERSION,
  type ShapingAction,
  shapingRuleOf,
} from '../../domain/shaping-rules.ts';
import { checkSiteRules, SITE_RULES_VERSION, type SiteRule } from '../../domain/site-rules.ts';
import { HOUR_MS, MINUTE_MS } from '../../domain/time.ts';
import { openMailExchangers } from '../../host/mail-exchangers.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../visible.ts';

interface ExplainOptions {
  readonly site?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `postlane providers`: who is behind mail exchangers, what they take, and what their replies ask for. */
export function register(program: Command, context: CliContext): void {
  const providers = program
    .command('providers')
    .description(
      'check and explain the table of providers: who is behind a domain, what it takes, what its replies ask for',
    );
  providers
    .command('check')
    .description(
      'check that every rule says why, ends, is reachable, and gets its own samples; ends with 1 where one does not',
    )
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action((options: { config?: string }) => {
      const { sites } = configOf(context, options.config);
      const names = new Set(sites.map(({ id }) => id));
      const problems = [...checkSiteRules(sites), ...checkShapingRules(SHAPING_RULES, names)];
      for (const { rule, problem } of problems) context.tell(`${rule}: ${problem}`);
      context.print(
        `version ${SITE_RULES_VERSION}: ${sites.length} sites; version ${SHAPING_RULES_VERSION}: ` +
          `${SHAPING_RULES.length} rules for replies; ${problems.length} problems\n`,
      );
      if (problems.length > 0) context.setExitStatus(1);
    });
  providers
    .command('explain')
    .description(
      'For a domain: its mail exchangers, the site behind them, its lane, its limits, and why. For the reply of a mail server: ' +
        'what a source does at the site after it, and why.',
    )
    .summary('say who is behind a domain, or what a reply asks for')
    .argument('<domain|reply>', "such as gmail.com, or '421 4.7.0 [TSS04] deferred'")
    .option('--site <name>', 'the site that gave the reply (default: any)')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object')
    .action(async (text: string, options: ExplainOptions) => {
      const config = configOf(context, options.config);
      const isDomain = /^(?=.*[a-z])[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?$/i.test(text);
      const facts = isDomain ? await aboutDomain(text, config) : aboutReply(text, config, options.site);
      context.print(options.json ? `${JSON.stringify(facts.json)}\n` : `${facts.lines.map(visible).join('\n')}\n`);
    });
}

interface Explanation {
  readonly json: Readonly<Record<string, unknown>>;
  readonly lines: readonly string[];
}

async function aboutDomain(written: string, config: Config): Promise<Explanation> {
  const domain = written.toLowerCase().replace(/\.$/, '');
  const claimed = providerIndex(config.providers)(domain);
  const exchangers = openMailExchangers(config, Date.now);
  const found = await exchangers.of(domain);
  const byDomain = claimed === 'other' ? null : `the configuration gives the domain to ${claimed}`;
  if (found.kind !== 'found') {
    const what = NOT_FOUND[found.kind];
    const code = found.kind === 'unknown' ? found.code : null;
    const lines = [
      `${domain}: ${what}${code === null ? '' : ` (${code})`}`,
      ...(byDomain ? [`  lane: ${claimed}, ${byDomain}`] : []),
    ];
    return { json: { domain, found: found.kind, code, provider: claimed }, lines };
  }
  const rule = config.sites.find(({ id }) => id === found.site) ?? null;
  const lane = claimed === 'other' ? found.provider : claimed;
  const site = lane === 'other' ? found.site : lane;
  const limits = limitsOf(config, rule, lane);
  const why = rule?.why ?? config.providers.find(({ provider }) => provider === lane)?.why ?? '';
  const hosts = await hostsOf(exchangers, found);
  const lines = [
    `${domain}: site ${site}, lane ${lane}${byDomain ? ` (${byDomain})` : rule ? ` (rule ${rule.id}: every exchanger is its)` : ' (no rule has all of its exchangers)'}`,
    `  takes from one source: ${limitsText(limits)}; TLS ${found.tls}`,
    `  because: ${why}`,
    ...hosts.map(({ host, preference, addresses }) => `  ${preference} ${host}: ${addresses}`),
  ];
  const json = { domain, site, provider: lane, rule: rule?.id ?? null, limits, tls: found.tls, why, exchangers: hosts };
  return { json, lines };
}

const NOT_FOUND = {
  'null-mx': 'takes no mail: its MX is the null MX (RFC 7505)',
  'no-such-domain': 'does not exist',
  unknown: 'the name service does not say',
} as const;

const limitsOf = (config: Config, rule: SiteRule | null, lane: string): SiteLimits =>
  rule?.limits ?? (config.providers.find(({ provider }) => provider === lane)?.limits as SiteLimits);

const limitsText = ({ connectionsMax, messagesPerConnectionMax, ratePerMinute }: SiteLimits): string =>
  `${connectionsMax} connections, ${messagesPerConnectionMax} mails on each, ` +
  (ratePerMinute === null ? 'no limit of the rate' : `${ratePerMinute} mails a minute`);

async function hostsOf(
  exchangers: MailExchangers,
  found: Extract<Awaited<ReturnType<MailExchangers['of']>>, { kind: 'found' }>,
) {
  const sorted = [...found.exchangers].sort((a, b) => a.preference - b.preference);
  return Promise.all(
    sorted.map(async ({ host, preference }) => {
      const [v4, v6] = await Promise.all([exchangers.addresses(host, 4), exchangers.addresses(host, 6)]);
      const known = [v4, v6].flatMap((one) => (one.kind === 'found' ? one.addresses : []));
      const isPrivate = [v4, v6].some(({ kind }) => kind === 'private');
      const addresses =
        known.length > 0 ? known.join(' ') : isPrivate ? 'private addresses only: refused' : 'no address';
      return { host, preference, addresses };
    }),
  );
}

function aboutReply(written: string, config: Config, site: string | undefined): Explanation {
  const { smtpCode, enhancedCode, text } = readRefusal(written);
  const reply = { code: smtpCode ?? 0, enhancedCode, text };
  const sites = site === undefined ? ['', ...config.sites.map(({ id }) => id)] : [site];
  const fired = sites.flatMap((name) => shapingRuleOf(reply, name) ?? [])[0] ?? null;
  const meaning = classify({ smtpCode, enhancedCode, text, stage: null });
  const forMail = `for the mail: ${meaning.class}, ${meaning.permanent ? 'final' : 'to be tried again'} (rule ${meaning.ruleId})`;
  const json = {
    ...reply,
    rule: fired?.id ?? null,
    sites: fired?.sites ?? null,
    action: fired?.action ?? null,
    why: fired?.why ?? null,
    class: meaning.class,
  };
  if (fired === null) return { json, lines: ['no rule: nothing changes at the site', `  ${forMail}`] };
  const where = fired.sites === null ? 'any site' : fired.sites.join(', ');
  return {
    json,
    lines: [`${fired.id} (${where}): ${actionText(fired.action)}`, `  because: ${fired.why}`, `  ${forMail}`],
  };
}

function actionText(action: ShapingAction): string {
  const span =
    action.forMs >= HOUR_MS && action.forMs % HOUR_MS === 0
      ? `${action.forMs / HOUR_MS} h`
      : `${action.forMs / MINUTE_MS} min`;
  if (action.kind === 'suspend') return `the source sends nothing there for ${span}`;
  const connections =
    action.connectionsMax === null
      ? ''
      : ` over at most ${action.connectionsMax} connection${action.connectionsMax === 1 ? '' : 's'}`;
  return `the source sends at most ${action.ratePerMinute} mails a minute there${connections}, for ${span}`;
}

import type { Config } from '../config/types.ts';
import { MailExchangers, type MailExchangersOptions } from '../dns/mail-exchangers.ts';
import { createResolver } from '../dns/resolver.ts';
import type { Millis } from '../domain/time.ts';
import type { Directory } from '../smtp/direct.ts';

/** True where a pool sends direct, at least in part. */
const isDirect = ({ pools, sources }: Config, pool: string): boolean =>
  pools
    .find(({ name }) => name === pool)
    ?.sources.some((source) => sources.find(({ name }) => name === source)?.mode === 'direct') ?? false;

/** Whether the mail exchangers of recipients' domains are looked up for the mails of a pool. */
export function learnsFor(config: Config, pool: string): boolean {
  const { learn } = config.mailExchangers;
  return learn === 'always' || (learn === 'direct' && isDirect(config, pool));
}

/** Whether any pool's mails teach who is behind which domain. */
export const learns = (config: Config): boolean => config.pools.some(({ name }) => learnsFor(config, name));

/** Look-ups over the configured name servers. `looked` is told how they end. */
export const openMailExchangers = (
  { dns, sites, mailExchangers }: Config,
  now: () => Millis,
  looked?: MailExchangersOptions['looked'],
): MailExchangers =>
  new MailExchangers({
    resolver: createResolver(dns.resolver),
    rules: sites,
    allowPrivateAddresses: mailExchangers.allowPrivateAddresses,
    now,
    chance: Math.random,
    ...(looked && { looked }),
  });

/** The same, as direct delivery asks for it. `tellsSites`: units have the sites of their exchangers, and it says what those are. */
export const directoryOver = (exchangers: MailExchangers, tellsSites: boolean): Directory => ({
  async exchange(domain) {
    const found = await exchangers.of(domain);
    switch (found.kind) {
      case 'found':
        return {
          ...(tellsSites && { site: found.site }),
          group: found.group,
          hosts: exchangers.hostsOf(found),
          tls: found.tls,
        };
      case 'unknown':
        return { reason: 'dns', detail: found.code };
      default:
        return { reason: found.kind, detail: null };
    }
  },
  async addresses(host, family) {
    const found = await exchangers.addresses(host, family);
    switch (found.kind) {
      case 'found':
        return found.addresses;
      case 'unknown':
        return { reason: 'dns', detail: found.code };
      default:
        return { reason: found.kind === 'private' ? 'private-address' : 'no-address', detail: null };
    }
  },
});

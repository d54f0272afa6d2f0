import { parseDmarc } from '../domain/dns/dmarc-record.ts';
import { parseAddress } from '../domain/dns/ip.ts';
import { isSpf, parseSpf } from '../domain/dns/spf-record.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/time.ts';
import { duration, type Field, list, optional, record, text, type ValueOf, wordOr } from './fields.ts';
import { suggestion } from './problems.ts';
import type { Config, DnsConfig } from './types.ts';

const server = text({
  pattern:
    /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](?::[0-9]{1,5})?|[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*)$/,
  what: 'the address of a resolver, such as 127.0.0.1, 127.0.0.1:5353 or [::1]:53',
});
const address = text({ pattern: /^[0-9a-fA-F.:]{2,45}$/, what: 'an IP address' });
const source = text({ pattern: /^[a-z0-9][a-z0-9-]{0,62}$/, what: 'the name of a source' });
const recordText = optional(text());

/** What may stand in the `dns` block. `domain` reads the name of a domain. */
export const dnsShape = (domain: Field<string>) =>
  record({
    resolver: record({
      servers: list(server, { max: 10 }),
      timeout: duration({ min: 100, max: MINUTE_MS, default: 5 * SECOND_MS }),
    }),
    blocklist_resolver: list(server, { max: 10 }),
    deadline: duration({ min: SECOND_MS, max: 10 * MINUTE_MS, default: 30 * SECOND_MS }),
    interval: wordOr(['off'], duration({ min: SECOND_MS, max: 7 * DAY_MS, default: HOUR_MS })),
    key_settle: duration({ min: 0, max: 7 * DAY_MS, default: 10 * MINUTE_MS }),
    blocklists: list(domain, { max: 20 }),
    addresses: list(record({ source, address }), { max: 10_000 }),
    domains: list(record({ name: domain, spf: recordText, dkim: recordText, dmarc: recordText }), { max: 100_000 }),
  });

export function dnsOf(dns: ValueOf<ReturnType<typeof dnsShape>>): DnsConfig {
  return {
    resolver: { servers: dns.resolver.servers, timeoutMs: dns.resolver.timeout },
    blocklistResolver: dns.blocklist_resolver,
    deadlineMs: dns.deadline,
    intervalMs: dns.interval === 'off' ? null : dns.interval,
    keySettleMs: dns.key_settle,
    blocklists: dns.blocklists,
    addresses: dns.addresses,
    domains: dns.domains,
  };
}

/** Addresses of sources that there are, and records that are some: what is published after it must not be void. */
export function checkDns({ dns, sources }: Config, tell: (path: string, message: string) => void): void {
  const known = sources.map(({ name }) => name);
  dns.addresses.forEach((entry, index) => {
    const path = `dns.addresses[${index}]`;
    if (parseAddress(entry.address) === null) tell(`${path}.address`, 'must be an IP address');
    if (!known.includes(entry.source)) {
      const hint = suggestion(entry.source, known);
      tell(`${path}.source`, `names the source "${entry.source}", which is not declared${hint}`);
    }
  });
  dns.domains.forEach(({ spf, dmarc }, index) => {
    const path = `dns.domains[${index}]`;
    if (spf !== null && !isSpf(spf)) tell(`${path}.spf`, 'must begin with v=spf1');
    else if (spf !== null) {
      const [bad] = parseSpf(spf).badTerms;
      if (bad !== undefined) tell(`${path}.spf`, `holds "${bad.slice(0, 60)}", which is no term of SPF`);
    }
    const parsed = dmarc === null ? null : parseDmarc(dmarc);
    if (typeof parsed === 'string') tell(`${path}.dmarc`, parsed);
  });
}

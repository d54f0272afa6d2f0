import type { Config } from '../config/types.ts';
import type { DkimExpectation } from '../domain/dns/check-dkim.ts';
import { isPrivateAddress } from '../domain/dns/ip.ts';
import type { OutgoingExpectation, SenderExpectation } from '../domain/dns/sender-checks.ts';
import type { Sender } from '../domain/policy.ts';

/**
 * What mail leaves from, as far as the configuration knows: what `dns.addresses` says of a source, else the local address of a
 * direct one. From where a relay goes on is its own business, unless it is written there.
 */
export function outgoingOf({ sources, dns, inbound }: Config): OutgoingExpectation {
  const outgoing = sources.flatMap(({ name, mode, localAddress, helo }) => {
    const written = dns.addresses.filter(({ source }) => source === name).map(({ address }) => address);
    const isSeen = mode === 'direct' && localAddress !== null && !isPrivateAddress(localAddress);
    const addresses = written.length > 0 ? written : isSeen ? [localAddress] : [];
    return addresses.map((address) => ({ source: name, address, helo }));
  });
  return { outgoing, inboundHost: inbound.hostname, blocklists: dns.blocklists };
}

/** What the DNS should say of a sender. `keys`: those that we hold for it. */
export function senderOf({ dns }: Config, sender: Sender, keys: readonly DkimExpectation[]): SenderExpectation {
  const written = dns.domains.find(({ name }) => name === sender.domain);
  return {
    domain: sender.domain,
    returnPathDomain: sender.returnPathDomain,
    keys,
    spf: written?.spf ?? null,
    dmarc: written?.dmarc ?? null,
    dkim: written?.dkim?.toLowerCase().replace(/\.$/, '') ?? null,
  };
}

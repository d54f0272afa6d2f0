import { mayReach, type Network, parseAddress, parseNetwork } from '../domain/ip-address.ts';
import { URL_LENGTH_MAX } from '../domain/webhook-endpoint.ts';

/** What is allowed beyond HTTPS to public addresses. */
export interface DestinationRules {
  readonly allowHttp: boolean;
  /** Networks that may be reached although they are not public. */
  readonly allowedNetworks: readonly Network[];
}

/** The rules of a configuration. */
export const destinationRules = (written: {
  readonly allowHttp: boolean;
  readonly allowedNetworks: readonly string[];
}): DestinationRules => ({
  allowHttp: written.allowHttp,
  allowedNetworks: written.allowedNetworks.flatMap((network) => parseNetwork(network) ?? []),
});

export type AddressesOf = (hostname: string) => Promise<readonly string[]>;

/** What is wrong with a URL that events are to be posted to, whatever its name resolves to; null for nothing. */
export function urlProblem(text: string, { allowHttp, allowedNetworks }: DestinationRules): string | null {
  if (text.length > URL_LENGTH_MAX) return `must have at most ${URL_LENGTH_MAX} characters`;
  if (/[\s\p{Cc}\\]/u.test(text)) return 'must have no white space, control characters or backslashes';
  if (!URL.canParse(text)) return 'is no URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must hold no user and no password';
  if (url.hash !== '') return 'must have no fragment';
  const host = hostnameOf(url);
  if (parseAddress(host) !== null) {
    return mayReach(host, allowedNetworks) ? null : 'must not lead to a private or reserved address';
  }
  return isLocalName(host) && allowedNetworks.length === 0 ? 'must not lead to a private or reserved address' : null;
}

/** The host of a URL, an IPv6 address without its brackets, without the dot that may end a name. */
export const hostnameOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

/** Names that mean this machine or its network everywhere (RFC 6761, RFC 6762). */
const isLocalName = (host: string): boolean => /(?:^|\.)(?:localhost|local|internal|home\.arpa)$/i.test(host);

export type Destination =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly failure: 'unresolved' | 'forbidden' };

/**
 * The addresses that a host may be connected to. One that is not allowed forbids the host, whatever else it resolves to: nobody who
 * means well mixes them.
 */
export async function destinationOf(
  hostname: string,
  rules: DestinationRules,
  addressesOf: AddressesOf,
): Promise<Destination> {
  let addresses: readonly string[];
  try {
    addresses = parseAddress(hostname) === null ? await addressesOf(hostname) : [hostname];
  } catch {
    return { ok: false, failure: 'unresolved' };
  }
  if (addresses.length === 0) return { ok: false, failure: 'unresolved' };
  const allowed = addresses.every((address) => mayReach(address, rules.allowedNetworks));
  return allowed ? { ok: true, addresses } : { ok: false, failure: 'forbidden' };
}

/** `us` may use the relays of the others; the first two keep their mail to themselves. */
export const REGIONS = ['eu', 'ap', 'us'] as const;
export type RegionName = (typeof REGIONS)[number];
export const TYPES = ['transactional', 'marketing'] as const;

export const REGIONS_YAML = `
regions:
  eu: { residency: strict }
  ap: { residency: strict }
  us: { residency: prefer }
sources:
  tx-eu: { region: eu, host: relay.eu.example }
  tx-ap: { region: ap, host: relay.ap.example }
  tx-us: { region: us, host: relay.us.example }
  nt-eu: { region: eu, host: relay.eu.example }
  nt-ap: { region: ap, host: relay.ap.example }
  nt-us: { region: us, host: relay.us.example }
  mk-eu: { region: eu, host: relay.eu.example }
  mk-eu-2: { region: eu, mode: direct, local_address: 192.0.2.1, helo: mail.eu.example }
  mk-ap: { region: ap, host: relay.ap.example }
  mk-us: { region: us, host: relay.us.example }
senders: { domains: [{ name: shop.example, return_path: bounces.shop.example }] }
verp: { key: env:RETURN_PATHS }
unsubscribe: { base_url: https://shop.example/unsubscribe, key: env:LINKS }
inbound:
  addresses:
    - { address: loop-eu@shop.example, format: arf, region: eu }
    - { address: loop-ap@shop.example, format: arf, region: ap }
    - { address: loop-us@shop.example, format: arf, region: us }
webhooks:
  routes:
    told-eu: { format: generic, secret: env:HOOK, region: eu }
    told-ap: { format: generic, secret: env:HOOK, region: ap }
    told-us: { format: generic, secret: env:HOOK, region: us }
pools:
  transactional: { sources: [tx-eu, tx-us, tx-ap] }
  notification: { sources: [nt-eu, nt-us, nt-ap] }
  marketing: { sources: [mk-ap, mk-eu-2, mk-eu, mk-us] }
`;

import { REGION_NAME } from '../contracts/region.ts';
import type { Pool, Sender, Source } from '../domain/policy.ts';
import { BASE_URL_LENGTH_MAX } from './defaults.ts';
import { type Field, list, named, oneOf, optional, record, text, type ValueOf } from './fields.ts';
import { suggestion } from './problems.ts';
import { type Config, RESIDENCIES, type RegionConfig } from './types.ts';

/** More regions than there are on any map of data centres: a slip must not create ten thousand topics. */
const REGIONS_MAX = 50;

/** What may stand in the `regions` block. */
export const regionsShape = (parts: {
  readonly address: Field<string>;
  readonly registryUrl: Field<string>;
  readonly redisUrl: Field<string>;
}) =>
  named(
    record({
      residency: oneOf(RESIDENCIES),
      heeds: list(text({ pattern: REGION_NAME, what: 'the name of a region' }), { max: REGIONS_MAX }),
      kafka: record({ brokers: optional(list(parts.address, { max: 100 })) }),
      schema_registry: record({ url: optional(parts.registryUrl) }),
      redis: record({ url: optional(parts.redisUrl) }),
    }),
    { max: REGIONS_MAX },
  );

export const regionsOf = (read: ValueOf<ReturnType<typeof regionsShape>>): readonly RegionConfig[] =>
  [...read].map(([name, { residency, heeds, kafka, schema_registry: registry, redis }]) => ({
    name,
    residency,
    heeds,
    brokers: kafka.brokers,
    registryUrl: registry.url?.replace(/\/+$/, '') ?? null,
    redisUrl: redis.url,
  }));

type Tell = (path: string, message: string) => void;

/**
 * Every source that a pool uses says where it is, and every region has a way out of every pool that a queue names. Without
 * regions, what sources say about theirs is a note that nothing depends on.
 */
export function checkRegions(config: Config, declared: ReadonlySet<string>, tell: Tell): void {
  const names = config.regions.map(({ name }) => name);
  if (names.length === 0) return;
  for (const name of names) {
    if (!REGION_NAME.test(name)) {
      tell(`regions.${name}`, 'must begin with a letter, not end with a hyphen, and have at most 31 characters');
    }
  }
  for (const { name, heeds } of config.regions) {
    for (const other of heeds) {
      if (other === name) tell(`regions.${name}.heeds`, 'names the region itself, which heeds its own scores anyway');
      else if (!names.includes(other)) {
        tell(`regions.${name}.heeds`, `names the region "${other}", which is not declared${suggestion(other, names)}`);
      }
    }
  }
  if (declared.size === 0) {
    tell('regions', 'need sources that say where they are: the relay alone is in no region');
    return;
  }
  const where = (path: string, region: string | null): void => {
    if (region === null) tell(path, `needs a region, since there are several: ${names.join(', ')}`);
    else if (!names.includes(region)) {
      tell(`${path}.region`, `names the region "${region}", which is not declared${suggestion(region, names)}`);
    }
  };
  const links = Math.max(...names.map((name) => pathIn(config.unsubscribe.baseUrl, name)?.length ?? 0));
  if (links > BASE_URL_LENGTH_MAX) {
    tell('unsubscribe.base_url', `must leave room for a region's name within ${BASE_URL_LENGTH_MAX} characters`);
  }
  const used = new Set(config.pools.flatMap(({ sources }) => sources));
  for (const { name, region } of config.sources) if (used.has(name)) where(`sources.${name}`, region);
  for (const { name, region } of config.webhooks.routes) where(`webhooks.routes.${name}`, region);
  config.inbound.addresses.forEach(({ region }, n) => {
    where(`inbound.addresses[${n}]`, region);
  });
  for (const region of config.regions) {
    for (const pool of config.pools.filter(({ types, sources }) => types.length > 0 && sources.length > 0)) {
      if (usable(pool, config.sources, region).length > 0) continue;
      const why =
        region.residency === 'strict' ? ', which is strict: no other may send its mail' : ' that it could use';
      tell(`pools.${pool.name}.sources`, `has no source for the region ${region.name}${why}`);
    }
  }
}

/**
 * The sources of a pool for a region: its own in the order of the pool, and, where it only prefers them, the relays of the
 * others behind them. An address of another region's machine is of no use here: it can be sent from there alone.
 */
function usable(pool: Pool, sources: readonly Source[], region: RegionConfig): readonly Source[] {
  const all = pool.sources.flatMap((name) => sources.find((source) => source.name === name) ?? []);
  const own = all.filter((source) => source.region === region.name);
  if (region.residency === 'strict') return own;
  return [...own, ...all.filter(({ region: other, mode }) => other !== region.name && mode === 'relay')];
}

/** What the environment decided: it outranks what the file says about a region, as it outranks the rest of the file. */
export interface Fixed {
  readonly brokers: boolean;
  readonly registryUrl: boolean;
  readonly redisUrl: boolean;
}

/**
 * The configuration as a process in that region sees it. Sources that may not send its mail are not in it: what is not known
 * cannot be chosen, and no connection to it is ever opened. Local stores and keys in Redis are the region's own. What comes
 * back about its mail comes to addresses, paths and routes that are the region's: no other region's roles take it.
 */
export function inRegion(config: Config, region: RegionConfig, fixed: Fixed): Config {
  const pools = config.pools.map((pool) => ({
    ...pool,
    sources: usable(pool, config.sources, region).map(({ name }) => name),
  }));
  const used = new Set(pools.flatMap((pool) => pool.sources));
  const sources = config.sources.filter(({ name, region: home }) => home === region.name || used.has(name));
  const warmUp = config.reputation.warmUp;
  return {
    ...config,
    region,
    kafka: { ...config.kafka, brokers: (fixed.brokers ? null : region.brokers) ?? config.kafka.brokers },
    registry: { url: (fixed.registryUrl ? null : region.registryUrl) ?? config.registry.url },
    redis: redisIn(config.redis, region, fixed),
    stateDir: `${config.stateDir}/regions/${region.name}`,
    pools,
    sources: sources.map((source) => ({ ...source, isAway: source.region !== region.name })),
    senders: { ...config.senders, list: config.senders.list.map((sender) => senderIn(sender, region.name)) },
    unsubscribe: { ...config.unsubscribe, baseUrl: pathIn(config.unsubscribe.baseUrl, region.name) },
    inbound: { ...config.inbound, addresses: config.inbound.addresses.filter((one) => one.region === region.name) },
    webhooks: { ...config.webhooks, routes: config.webhooks.routes.filter((one) => one.region === region.name) },
    reputation: {
      ...config.reputation,
      warmUp: { ...warmUp, sources: warmUp.sources.filter((name) => sources.some((source) => source.name === name)) },
    },
  };
}

const senderIn = (sender: Sender, region: string): Sender => ({
  ...sender,
  returnPathDomain: `${region}.${sender.returnPathDomain}`,
});

const pathIn = (baseUrl: string | null, region: string): string | null =>
  baseUrl === null ? null : `${baseUrl.replace(/\/+$/, '')}/${region}`;

function redisIn(redis: Config['redis'], region: RegionConfig, fixed: Fixed): Config['redis'] {
  if (redis === null) return null;
  const url = (fixed.redisUrl ? null : region.redisUrl) ?? redis.url;
  return { ...redis, url, keyPrefix: `${redis.keyPrefix}${region.name}:` };
}

import type { Config, RegionConfig } from './types.ts';

/** What stands in place of a secret. */
const MASK = '***';

/**
 * The configuration as it may be shown: references stay as they are (they are names), passwords inside URLs are masked.
 * No other value can be a secret, since the schema refuses one where a reference belongs.
 */
export function shown(config: Config): Config {
  return {
    ...config,
    registry: { url: maskUrl(config.registry.url) },
    secrets: {
      ...config.secrets,
      vault: config.secrets.vault && { ...config.secrets.vault, address: maskUrl(config.secrets.vault.address) },
      aws: { ...config.secrets.aws, endpoint: config.secrets.aws.endpoint && maskUrl(config.secrets.aws.endpoint) },
    },
    redis: config.redis && { ...config.redis, url: maskUrl(config.redis.url) },
    regions: config.regions.map(shownRegion),
    region: config.region && shownRegion(config.region),
    unsubscribe: { ...config.unsubscribe, baseUrl: config.unsubscribe.baseUrl && maskUrl(config.unsubscribe.baseUrl) },
  };
}

const shownRegion = (region: RegionConfig): RegionConfig => ({
  ...region,
  registryUrl: region.registryUrl && maskUrl(region.registryUrl),
  redisUrl: region.redisUrl && maskUrl(region.redisUrl),
});

/** Takes user, password and query out of a URL. What cannot be parsed is masked whole. */
export function maskUrl(text: string): string {
  if (!URL.canParse(text)) return MASK;
  const url = new URL(text);
  if (url.username !== '') url.username = MASK;
  if (url.password !== '') url.password = MASK;
  if (url.search !== '') url.search = `?${MASK}`;
  return url.href;
}

import type { DnsConfig } from '../config/types.ts';
import { type LookUps, ResolverLookUps } from './look-ups.ts';
import { createResolver } from './resolver.ts';

/** Look-ups as the configuration has them made. */
export function openLookUps({ resolver, blocklistResolver }: DnsConfig): LookUps {
  const main = createResolver(resolver);
  if (blocklistResolver.length === 0) return new ResolverLookUps({ resolver: main });
  const other = createResolver({ servers: blocklistResolver, timeoutMs: resolver.timeoutMs });
  return new ResolverLookUps({ resolver: main, blocklistResolver: other });
}

import { environment } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import { CachedSecrets } from '../secrets/secrets.ts';
import type { Host } from './host.ts';

/**
 * The key that seals the secrets of endpoints, read anew now and then, so that it can be changed. Answering throws
 * SECRET_UNAVAILABLE where the configuration names none, or it cannot be read.
 */
export function webhookKeyOf({ config, clock, telemetry }: Host): () => Promise<string> {
  const secrets = new CachedSecrets({ env: environment(), clock, telemetry });
  const { key } = config.notifier;
  return async () => {
    if (key === null)
      throw new PostlaneError('SECRET_UNAVAILABLE', { reason: 'the configuration has no notifier.key' });
    return secrets.resolve(key);
  };
}

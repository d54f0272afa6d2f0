import { PostlaneError } from '../domain/error.ts';
import type { Host } from './host.ts';

/**
 * The key that seals the secrets of endpoints, asked for every time, so that it can be changed. Answering throws
 * SECRET_UNAVAILABLE where the configuration names none, or it cannot be read.
 */
export function webhookKeyOf({ config, secrets }: Pick<Host, 'config' | 'secrets'>): () => Promise<string> {
  const { key } = config.notifier;
  return async () => {
    if (key === null)
      throw new PostlaneError('SECRET_UNAVAILABLE', { reason: 'the configuration has no notifier.key' });
    return Buffer.from((await secrets.resolve(key)).bytes()).toString('utf8');
  };
}

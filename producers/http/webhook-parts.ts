import { hostAddresses } from '../../src/dns/host-addresses.ts';
import type { Host } from '../../src/host/host.ts';
import { webhookKeyOf } from '../../src/host/webhook-key.ts';
import { newEndpointId, newReplayId, newWebhookSecret, sealSecret } from '../../src/secrets/webhook-secrets.ts';
import { destinationOf, destinationRules, hostnameOf, urlProblem } from '../../src/webhooks/destination.ts';
import type { Appender } from './intake.ts';
import type { EndpointRows, WebhookParts } from './webhook-endpoints.ts';

/** A name that does not resolve by then is judged when it is called. */
const RESOLVE_MS_MAX = 1_500;

/** What the routes of endpoints need, as a process has it. */
export function webhookParts(host: Host, rows: EndpointRows, appender: Appender): WebhookParts {
  const { codec, clock, config } = host;
  const rules = destinationRules(config.notifier);
  const keyText = webhookKeyOf(host);
  return {
    rows,
    appender,
    codec,
    clock,
    newEndpointId,
    newReplayId,
    async newSecret(endpointId) {
      const secret = newWebhookSecret();
      return { secret, sealed: sealSecret(secret, endpointId, await keyText()) };
    },
    async urlProblem(url) {
      const problem = urlProblem(url, rules);
      if (problem !== null) return problem;
      const addressesOf = (hostname: string) => hostAddresses(hostname, RESOLVE_MS_MAX);
      const destination = await destinationOf(hostnameOf(new URL(url)), rules, addressesOf);
      const isForbidden = !destination.ok && destination.failure === 'forbidden';
      return isForbidden ? 'must not lead to a private or reserved address' : null;
    },
  };
}

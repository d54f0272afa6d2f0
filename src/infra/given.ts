import { PostlaneError } from '../domain/error.ts';
import { answersSubjects, listens, parseAddress } from './probes.ts';
import type { Infra, InfraProvider } from './provider.ts';
import { waitFor } from './wait.ts';

const REACH_DEADLINE_MS = 15_000;

/** Addresses as the environment gives them: texts of KAFKA_BROKERS, SCHEMA_REGISTRY_URL and REDIS_URL. */
export interface GivenAddresses {
  /** Comma-separated `host:port`. */
  readonly brokers?: string;
  readonly schemaRegistryUrl?: string;
  readonly redisUrl?: string;
}

/** Infrastructure that somebody else runs. It is only looked at: whether it can be reached within `reachMs`. */
export function givenProvider(addresses: GivenAddresses, reachMs = REACH_DEADLINE_MS): InfraProvider {
  return {
    name: 'given',
    async start(progress) {
      const infra = parseGiven(addresses);
      progress(`using the broker at ${infra.brokers.join(', ')} and the registry at ${infra.schemaRegistryUrl}`);
      await Promise.all([
        ...infra.brokers.map((broker) => reach('KAFKA_BROKERS', broker, reachMs)),
        waitFor(`an answer from SCHEMA_REGISTRY_URL ${infra.schemaRegistryUrl}`, answering(infra.schemaRegistryUrl), {
          deadlineMs: reachMs,
        }),
        infra.redisUrl === null ? undefined : reach('REDIS_URL', redisAddress(infra.redisUrl), reachMs),
      ]);
      return infra;
    },
  };
}

const answering = (url: string) => async () => ((await answersSubjects(url)) ? true : undefined);

async function reach(variable: string, text: string, deadlineMs: number): Promise<void> {
  const address = parseAddress(text);
  if (address === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `${variable}: not host:port`, text });
  const listening = async () => ((await listens(address)) ? true : undefined);
  await waitFor(`an answer from ${variable} ${text}`, listening, { deadlineMs });
}

function parseGiven(addresses: GivenAddresses): Infra {
  const brokers = (addresses.brokers ?? '')
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  const { schemaRegistryUrl } = addresses;
  if (brokers.length === 0 || !schemaRegistryUrl) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL belong together',
      missing: brokers.length === 0 ? 'KAFKA_BROKERS' : 'SCHEMA_REGISTRY_URL',
    });
  }
  const notOurs = async (): Promise<void> => {
    throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'control over infrastructure that was given' });
  };
  return {
    provider: 'given',
    brokers,
    schemaRegistryUrl: schemaRegistryUrl.replace(/\/+$/, ''),
    redisUrl: addresses.redisUrl || null,
    processes: () => [],
    killBroker: notOurs,
    startBroker: notOurs,
    killRegistry: notOurs,
    startRegistry: notOurs,
    killRedis: notOurs,
    startRedis: notOurs,
    stop: async () => undefined,
  };
}

const REDIS_PORT = '6379';

/** `host:port` of a Redis URL, without what else it holds: a password must not reach a message. */
function redisAddress(url: string): string {
  try {
    const { hostname, port } = new URL(url);
    return `${hostname}:${port || REDIS_PORT}`;
  } catch {
    return '(not a URL)';
  }
}

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { CARRYING_RETENTION_MS, SEEN_RETENTION_MS } from '../../../src/config/defaults.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { OVERRIDES } from '../../../src/config/overrides.ts';
import type { Config } from '../../../src/config/types.ts';
import { PROVIDERS, QUEUES } from '../../../src/domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/time.ts';
import { problemsOf } from './problems-of.ts';

const load = (text: string, env: Record<string, string> = {}): Config => loadConfig({ text, env });
const queueOf = (config: Config, name: string) => config.queues.find(({ queue }) => queue === name);

describe('the template of tiered routing, as it stands', () => {
  const path = new URL('fixtures/tiered-routing.yaml', import.meta.url).pathname;
  const config = loadConfig({ path, env: {} });

  it('takes priority, pool, rate and retries of each queue', () => {
    expect(queueOf(config, 'transactional')).toMatchObject({
      priority: 'high',
      pool: 'dedicated-transactional',
      ratePerMinutePerWorker: 100,
      retry: { retriesMax: 3 },
    });
    expect(queueOf(config, 'transactional')?.retry.delaysMs.slice(0, 3)).toEqual([30_000, 60_000, 120_000]);
    expect(queueOf(config, 'marketing')).toMatchObject({
      priority: 'low',
      pool: 'shared-marketing',
      ratePerMinutePerWorker: 50,
      retry: { retriesMax: 1, delaysMs: [15 * MINUTE_MS] },
    });
  });

  it('gives each pool a source of its own to the default relay', () => {
    expect(config.pools).toEqual([
      { name: 'dedicated-transactional', types: ['transactional'], sources: ['dedicated-transactional-1'] },
      { name: 'notification', types: ['notification'], sources: ['notification-1'] },
      { name: 'shared-marketing', types: ['marketing'], sources: ['shared-marketing-1'] },
    ]);
    expect(new Set(config.sources.map(({ helo }) => helo)).size).toBe(3);
    expect(new Set(config.sources.map(({ host, port }) => `${host}:${port}`)).size).toBe(1);
  });

  it('takes warm-up, thresholds and action', () => {
    expect(config.reputation).toEqual({
      warmUp: {
        enabled: true,
        initialVolume: 100,
        dailyIncreaseRatio: 0.2,
        dailyIncreaseMax: 5_000,
        sources: [],
        overflow: 'warm',
        transactionalFirst: 'warm',
      },
      thresholds: { bounceRatio: 0.02, complaintRatio: 0.001 },
      action: 'throttle',
      volumeMin: 100,
      windowMs: DAY_MS,
      latenessMs: MINUTE_MS,
      complaintScope: 'tenant',
    });
  });

  it('takes the action inside the thresholds too', () => {
    expect(load('reputation: {thresholds: {action: pause}}').reputation.action).toBe('pause');
    expect(problemsOf('reputation: {thresholds: {action: pause}, action: throttle}')).toEqual([
      { path: 'reputation.action', line: 1, message: 'is throttle, and reputation.thresholds.action is pause' },
    ]);
  });

  it('knows the domains as senders', () => {
    expect(config.dns.domains[0]?.dkim).toBe('selector1._domainkey.example.com');
    expect(config.senders.list).toEqual([
      { domain: 'mail.example.com', returnPathDomain: 'mail.example.com', dkim: [] },
    ]);
  });
});

describe('postlane.yaml, the default configuration', () => {
  const path = new URL('../../../postlane.yaml', import.meta.url).pathname;
  const config = loadConfig({ path, env: { POSTLANE_STATE_DIR: '/data', POSTLANE_RELAY_PORT: '4025' } });

  it('sends each type through a source of its own to the simulator', () => {
    expect(config.sources.map(({ name }) => name)).toEqual(['transactional-1', 'notification-1', 'marketing-1']);
    expect(config.sources.every(({ port }) => port === 4025)).toBe(true);
    expect(queueOf(config, 'marketing-throttled')?.pool).toBe('marketing');
  });

  it('signs for shop.example with two keys under the state directory', () => {
    const [sender] = config.senders.list;
    expect(sender?.domain).toBe('shop.example');
    expect(sender?.dkim.map(({ algorithm }) => algorithm)).toEqual(['rsa-sha256', 'ed25519-sha256']);
    expect(sender?.dkim.every(({ privateKey }) => privateKey.startsWith('file:/data/keys/'))).toBe(true);
  });
});

describe('without a file', () => {
  const config = load('');

  it('has every queue and every provider, with the article and MAIL figures', () => {
    expect(config.queues.map(({ queue }) => queue)).toEqual([...QUEUES]);
    expect(config.providers.map(({ provider }) => provider)).toEqual([...PROVIDERS]);
    expect(config.circuit).toEqual({ failures: 5, resetMs: 60_000 });
    expect(config.router.ageMaxMs).toBe(72 * HOUR_MS);
    expect(config.router.throttleScore).toBe(0.7);
    expect(config.worker.inFlightMax).toBe(256);
    expect(config.redis).toBeNull();
  });

  it('never expects a retry after the maximum age', () => {
    for (const { retry, ageMaxMs } of config.queues) {
      const last = retry.delaysMs.at(-1) as number;
      const waits = Array.from({ length: retry.retriesMax }, (_, n) => retry.delaysMs[n] ?? last);
      expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(ageMaxMs);
    }
  });

  it('names each domain once', () => {
    const domains = config.providers.flatMap((provider) => provider.domains);
    expect(new Set(domains).size).toBe(domains.length);
    for (const domain of ['gmail.com', 'hotmail.co.uk', 'yahoo.fr', 'aol.com', 'mac.com', 'apple.test']) {
      expect(domains).toContain(domain);
    }
  });

  it('is frozen to the bottom', () => {
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.queues[0]?.retry.delaysMs)).toBe(true);
  });

  it('agrees with topics.yaml about retention', () => {
    interface Entry {
      readonly name: string;
      readonly retention: string;
      readonly carriesJobs: boolean;
    }
    const file = readFileSync(new URL('../../../topics.yaml', import.meta.url), 'utf8');
    const { topics } = parse(file) as { readonly topics: readonly Entry[] };
    const carrying = topics.filter(({ carriesJobs }) => carriesJobs).map(({ retention }) => retention);
    expect(carrying.length).toBeGreaterThan(0);
    expect(new Set(carrying)).toEqual(new Set([`${CARRYING_RETENTION_MS / DAY_MS}d`]));
    const seen = topics.find(({ name }) => name.startsWith('email.router-seen'))?.retention;
    expect(seen).toBe(`${SEEN_RETENTION_MS / DAY_MS}d`);
  });
});

describe('the environment', () => {
  it('outranks the file', () => {
    const config = load('kafka: {brokers: [old:1]}\nredis:\nhttp: {port: 1}', {
      KAFKA_BROKERS: 'a:9092, b:9093',
      SCHEMA_REGISTRY_URL: 'http://registry:1/apis/ccompat/v7/',
      REDIS_URL: 'redis://cache:1',
      POSTLANE_HTTP_PORT: '0',
    });
    expect(config.kafka.brokers).toEqual(['a:9092', 'b:9093']);
    expect(config.registry.url).toBe('http://registry:1/apis/ccompat/v7');
    expect(config.redis?.url).toBe('redis://cache:1');
    expect(config.http.port).toBe(0);
  });

  it('is named where it is wrong', () => {
    expect(problemsOf('', { KAFKA_BROKERS: 'nonsense' })).toEqual([
      {
        path: 'kafka.brokers[0]',
        line: null,
        message: 'must be host:port, not "nonsense" (from the environment variable KAFKA_BROKERS)',
      },
    ]);
  });

  it('counts for nothing where it is empty', () => {
    expect(load('state_dir: here', { POSTLANE_STATE_DIR: '', REDIS_URL: '' })).toMatchObject({
      stateDir: 'here',
      redis: null,
    });
  });

  describe('inside the file', () => {
    const path = new URL('fixtures/environment.yaml', import.meta.url).pathname;

    it('is filled in, with the type that the text then has', () => {
      const [source] = loadConfig({ path, env: { HOST: 'relay.example', HELO: '' } }).sources;
      expect(source).toMatchObject({ host: 'relay.example', port: 25, helo: 'transactional-1.mail.example' });
      expect(loadConfig({ path, env: { HOST: 'h', PORT: '587' } }).sources[0]?.port).toBe(587);
    });

    it('must be there where no other text is given', () => {
      expect(problemsOf(readFileSync(path, 'utf8'))).toContainEqual({
        path: 'relay.host',
        line: 2,
        message: 'the environment variable HOST is not set',
      });
    });
  });

  it('is described variable by variable', () => {
    const documentation = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    for (const { variable } of OVERRIDES) expect(documentation).toContain(`\`${variable}\``);
  });
});

describe('retries', () => {
  const retryOf = (policy: string) =>
    queueOf(load(`router: {queues: {notification: {retry_policy: ${policy}}}}`), 'notification')?.retry;

  it('double up to the cap', () => {
    expect(retryOf('{backoff: exponential, initial_delay: 1s, max_delay: 5s, max_retries: 9}')).toEqual({
      retriesMax: 9,
      delaysMs: [SECOND_MS, 2 * SECOND_MS, 4 * SECOND_MS, 5 * SECOND_MS],
      jitterRatio: 0.2,
    });
  });

  it('follow a list, once each', () => {
    expect(retryOf('{backoff: [1s, 1m], jitter: 0}')).toEqual({
      retriesMax: 2,
      delaysMs: [SECOND_MS, MINUTE_MS],
      jitterRatio: 0,
    });
  });

  it('keep our delays where only their number is written', () => {
    expect(retryOf('{max_retries: 2}')).toMatchObject({
      retriesMax: 2,
      delaysMs: queueOf(load(''), 'notification')?.retry.delaysMs,
    });
  });
});

describe('limits', () => {
  it('keep what a provider entry does not say, and add its domains', () => {
    const google = load('providers: {google: {domains: [shop-mail.example], rate_limit: 60}}').providers[0];
    expect(google?.limits).toEqual({ connectionsMax: 5, messagesPerConnectionMax: 50, ratePerMinute: 60 });
    expect(google?.domains).toEqual(expect.arrayContaining(['gmail.com', 'shop-mail.example']));
  });

  it('can be lifted', () => {
    const other = (text: string) =>
      load(text).providers.find(({ provider }) => provider === 'other')?.limits.ratePerMinute;
    expect(other('')).toBe(6_000);
    expect(other('providers: {other: {rate_limit: none}}')).toBeNull();
  });
});

describe('senders', () => {
  it('may be one word', () => {
    expect(load('senders: strict').senders).toEqual({ mode: 'strict', list: [] });
  });
});

import { loadConfig, loadExplained } from '../../../src/config/load.ts';
import { PRESET_NAMES, PRESETS } from '../../../src/config/presets.ts';
import { EMAIL_TYPES, QUEUES } from '../../../src/domain/policy.ts';
import { runCli } from '../../support/cli.ts';

const load = (text: string, env: Record<string, string> = {}) => loadConfig({ text, env });
const explained = (text: string, env: Record<string, string> = {}) =>
  new Map(
    loadExplained({ text, env })
      .settings()
      .map((one) => [one.path, one]),
  );

describe.each(PRESET_NAMES)('the preset %s', (name) => {
  const config = load(`preset: ${name}`);

  it('is a whole configuration by itself', () => {
    expect(config.preset).toBe(name);
    for (const { queue, pool } of config.queues) {
      const found = config.pools.find((one) => one.name === pool);
      expect([queue, found?.sources.length ?? 0]).toEqual([queue, expect.any(Number)]);
      expect(found?.sources.length).toBeGreaterThan(0);
    }
  });

  it('lets no type share a pool or a source with another', () => {
    for (const { types } of config.pools) expect(types.length).toBeLessThanOrEqual(1);
    const typesOf = (source: string) =>
      new Set(config.pools.filter(({ sources }) => sources.includes(source)).flatMap(({ types }) => types));
    for (const { name: source } of config.sources) expect(typesOf(source).size).toBe(1);
    expect(new Set(config.pools.flatMap(({ types }) => types))).toEqual(new Set(EMAIL_TYPES));
  });

  it('gives a reason for every setting, each of which exists', () => {
    const settings = explained(`preset: ${name}`);
    for (const { path, why } of PRESETS[name].settings) {
      expect(why.length).toBeGreaterThan(20);
      expect([path, settings.get(path)?.origin]).toEqual([path, { from: 'preset', preset: name, why }]);
    }
    expect(new Set(PRESETS[name].settings.map(({ path }) => path)).size).toBe(PRESETS[name].settings.length);
  });

  it('never lets transactional mail wait for a new source alone', () => {
    const pool = config.queues.find(({ queue }) => queue === 'transactional')?.pool;
    const { sources = [] } = config.pools.find((one) => one.name === pool) ?? {};
    expect(sources.some((source) => !config.reputation.warmUp.sources.includes(source))).toBe(true);
  });
});

it('is outranked by what the file says, key by key, and by the environment', () => {
  const text = 'preset: mid-size\nrouter: { queues: { marketing: { rate_limit: 50 } } }\nworker: { in_flight_max: 9 }';
  const config = load(text, { POSTLANE_IN_FLIGHT_MAX: '7', POSTLANE_RELAY_HOST: '127.0.0.9' });
  const marketing = config.queues.find(({ queue }) => queue === 'marketing');
  expect(marketing).toMatchObject({ ratePerMinutePerWorker: 50, pool: 'shared-marketing', onUncertain: 'drop' });
  expect(config.worker.inFlightMax).toBe(7);
  expect(config.sources.every(({ host }) => host === '127.0.0.9')).toBe(true);
  const settings = explained(text, { POSTLANE_IN_FLIGHT_MAX: '7' });
  expect(settings.get('router.queues.marketing.rate_limit')?.origin).toEqual({ from: 'file', line: 2 });
  expect(settings.get('worker.in_flight_max')?.origin).toMatchObject({ from: 'environment' });
  expect(settings.get('api.port')?.origin).toEqual({ from: 'default' });
});

it('lets a source of its be given a host, an address and a log-in of its own', () => {
  const config = load(`
preset: mid-size
relay: { host: shared.example, port: 587, tls: starttls, user: "env:U", password: "env:P" }
sources:
  transactional-1: { host: dedicated.example, port: 465, tls: implicit, user: "env:DU", password: "env:DP", helo: t1.shop.example }
`);
  const source = (name: string) => config.sources.find((one) => one.name === name);
  expect(source('transactional-1')).toMatchObject({ host: 'dedicated.example', port: 465, user: 'env:DU' });
  expect(source('marketing-1')).toMatchObject({ host: 'shared.example', port: 587, tls: 'starttls', user: 'env:U' });
});

it('grows by a line: what is written beside it goes with every preset', () => {
  for (const name of PRESET_NAMES) {
    const config = load(`preset: ${name}\nrelay: { host: relay.example, tls: starttls }\nsenders: strict`);
    expect(config.senders.mode).toBe('strict');
    expect(config.queues.map(({ queue }) => queue)).toEqual(QUEUES);
  }
});

it('is told where there is none of that name', () => {
  expect(() => load('preset: midsize')).toThrow(/did you mean \\"mid-size\\"/);
});

it('is printed with every reason', async () => {
  const { status, printed } = await runCli(['config', 'show', '--preset', 'enterprise', '--explain'], {});
  expect(status).toBe(0);
  for (const { why } of PRESETS.enterprise.settings) expect(printed).toContain(`# ${why}`);
  expect(printed).toContain('router.queues.marketing.retry_policy.backoff: ["15m"');
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectName } from '../../../src/infra/compose.ts';
import { brokerProperties } from '../../../src/infra/native/broker.ts';
import { packageRoot } from '../../../src/infra/package-root.ts';

interface ComposeService {
  readonly image: string;
  readonly ports: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[]; readonly retries: number };
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const compose = parse(readFileSync(join(packageRoot(), 'docker-compose.kafka.yml'), 'utf8')) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);

/** Settings that a container and a process of this machine cannot share: addresses and paths. */
const OWN_PLACE = /^(process\.roles|node\.id|controller\.quorum\.voters|.*listener.*|log\.dirs)$/;
/** Settings that fit a small heap or a small machine, and change nothing that a client sees. */
const TUNING =
  /^(num\.|background\.|default\.replication|min\.insync|log\.cleaner\.(enable|threads)|.*share.*partitions)/;

describe('docker-compose.kafka.yml', () => {
  it('has a broker, a registry and Redis', () => {
    expect(services.map(([name]) => name)).toEqual(['kafka', 'registry', 'redis']);
  });

  it.each(services)('pins the image of %s to a release', (_, { image }) => {
    expect(image).toMatch(/^[\w./-]+:\d+\.\d+\.\d+(-\w+)?$/);
  });

  it.each(services)('publishes %s on 127.0.0.1 only, at a port that can be chosen', (_, { ports }) => {
    expect(ports).toHaveLength(1);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{POSTLANE_[A-Z]+_PORT:-\d+\}:\d+$/);
  });

  it.each(services)('knows when %s is healthy, so that one can wait for it', (_, { healthcheck }) => {
    expect(healthcheck?.test.length).toBeGreaterThan(1);
    expect(healthcheck?.retries).toBeGreaterThan(0);
  });

  it('advertises the broker at the port under which it is published', () => {
    const { ports, environment } = compose.services.kafka as ComposeService;
    const published = String(ports[0]).replace(/:\d+$/, '');
    expect(environment?.KAFKA_ADVERTISED_LISTENERS).toContain(`CLIENTS://${published},`);
  });

  it('keeps the broker data in a volume, and the schemas with it', () => {
    const { kafka, registry } = compose.services as Readonly<Record<'kafka' | 'registry', ComposeService>>;
    expect(kafka.volumes).toEqual([`kafka-data:${kafka.environment?.KAFKA_LOG_DIRS}`]);
    expect(Object.keys(compose.volumes)).toEqual(['kafka-data']);
    expect(registry.environment?.APICURIO_STORAGE_KIND).toBe('kafkasql');
    expect(registry.depends_on).toEqual({ kafka: { condition: 'service_healthy' } });
  });

  it('sets the broker up as the native one is', () => {
    const { environment = {} } = compose.services.kafka as ComposeService;
    const layout = { id: 1, ports: [{ clients: 1, controller: 2 }], directory: '/data' };
    const settings = brokerProperties(layout)
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s) as [string, string])
      .filter(([name]) => !OWN_PLACE.test(name) && !TUNING.test(name));
    expect(settings.length).toBeGreaterThan(10);
    for (const [name, value] of settings) {
      expect([name, environment[`KAFKA_${name.replaceAll('.', '_').toUpperCase()}`]]).toEqual([name, value]);
    }
  });
});

describe('projectName', () => {
  it('tells two data directories of a machine apart, and knows one by every spelling', () => {
    expect(projectName('/a/.postlane')).toMatch(/^postlane-[0-9a-f]{12}$/);
    expect(projectName('/a/.postlane')).not.toBe(projectName('/b/.postlane'));
    expect(projectName('/a/b/../.postlane/')).toBe(projectName('/a/.postlane'));
  });
});

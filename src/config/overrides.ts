import { type Environment, type ListTree, type MapTree, type ScalarTree, scalarOf, type Tree } from './document.ts';

export interface Override {
  readonly variable: string;
  /** Keys that lead to the value in postlane.yaml. */
  readonly path: readonly string[];
  readonly list?: true;
}

/** Variables that outrank the file, for what differs from one place to the next. Anything else can be put in with `${NAME}`. */
export const OVERRIDES: readonly Override[] = [
  { variable: 'POSTLANE_PRESET', path: ['preset'] },
  { variable: 'POSTLANE_REPLICATION_FACTOR', path: ['topics', 'replication_factor'] },
  { variable: 'KAFKA_BROKERS', path: ['kafka', 'brokers'], list: true },
  { variable: 'SCHEMA_REGISTRY_URL', path: ['schema_registry', 'url'] },
  { variable: 'REDIS_URL', path: ['redis', 'url'] },
  { variable: 'POSTLANE_KAFKA_SESSION_TIMEOUT', path: ['kafka', 'session_timeout'] },
  { variable: 'POSTLANE_HTTP_HOST', path: ['http', 'host'] },
  { variable: 'POSTLANE_HTTP_PORT', path: ['http', 'port'] },
  { variable: 'POSTLANE_API_HOST', path: ['api', 'host'] },
  { variable: 'POSTLANE_API_PORT', path: ['api', 'port'] },
  { variable: 'POSTLANE_INBOUND_HOST', path: ['inbound', 'host'] },
  { variable: 'POSTLANE_INBOUND_PORT', path: ['inbound', 'port'] },
  { variable: 'POSTLANE_SUBMISSION_HOST', path: ['submission', 'host'] },
  { variable: 'POSTLANE_SUBMISSION_PORT', path: ['submission', 'port'] },
  { variable: 'POSTLANE_SUBMISSION_TLS', path: ['submission', 'tls'] },
  { variable: 'POSTLANE_WEBHOOKS_HOST', path: ['webhooks', 'host'] },
  { variable: 'POSTLANE_WEBHOOKS_PORT', path: ['webhooks', 'port'] },
  { variable: 'POSTLANE_NOTIFIER_ALLOW_HTTP', path: ['notifier', 'allow_http'] },
  { variable: 'POSTLANE_NOTIFIER_NETWORKS', path: ['notifier', 'allowed_networks'], list: true },
  { variable: 'POSTLANE_UNSUBSCRIBE_HOST', path: ['unsubscribe', 'host'] },
  { variable: 'POSTLANE_UNSUBSCRIBE_PORT', path: ['unsubscribe', 'port'] },
  { variable: 'POSTLANE_STATE_DIR', path: ['state_dir'] },
  { variable: 'VAULT_ADDR', path: ['secrets', 'vault', 'address'] },
  { variable: 'VAULT_NAMESPACE', path: ['secrets', 'vault', 'namespace'] },
  { variable: 'VAULT_CACERT', path: ['secrets', 'vault', 'ca_file'] },
  { variable: 'POSTLANE_LOG_LEVEL', path: ['logs', 'level'] },
  { variable: 'POSTLANE_RELAY_HOST', path: ['relay', 'host'] },
  { variable: 'POSTLANE_RELAY_PORT', path: ['relay', 'port'] },
  { variable: 'POSTLANE_PATIENCE_FACTOR', path: ['worker', 'patience_factor'] },
  { variable: 'POSTLANE_IN_FLIGHT_MAX', path: ['worker', 'in_flight_max'] },
];

/** Puts the variables that are set and not empty into the document. Answers which path came from which variable. */
export function applyOverrides(root: MapTree, env: Environment): ReadonlyMap<string, string> {
  const applied = new Map<string, string>();
  for (const { variable, path, list } of OVERRIDES) {
    const written = env[variable];
    if (written === undefined || written === '') continue;
    const scalar = (value: string): ScalarTree => ({ kind: 'scalar', value: scalarOf(value.trim()), line: null });
    const items: ListTree = { kind: 'list', items: written.split(',').map(scalar), line: null };
    set(root, path, list ? items : scalar(written));
    applied.set(path.join('.'), variable);
  }
  return applied;
}

function set(root: MapTree, path: readonly string[], value: Tree): void {
  const [key, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    root.entries.set(key, value);
    return;
  }
  const child = root.entries.get(key);
  // A list or a word where keys belong is left alone: it is told as a problem of the file.
  if (child && child.kind !== 'map' && !(child.kind === 'scalar' && child.value === null)) return;
  const map: MapTree = child?.kind === 'map' ? child : { kind: 'map', entries: new Map(), line: child?.line ?? null };
  root.entries.set(key, map);
  set(map, rest, value);
}

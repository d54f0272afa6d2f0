import type { Environment } from '../config/environment.ts';

/** One process that `postlane up` supervises. */
export interface LocalProcess {
  /** Unique: names the log. */
  readonly name: string;
  /** As `postlane status` shows it; several processes may run one role. */
  readonly roles: readonly string[];
  /** What it is told on the command line of postlane. */
  readonly args: readonly string[];
  readonly environment: Environment;
  /** Answers with success when it does its work. */
  readonly readyUrl: string;
  readonly metricsUrl: string | null;
}

export interface LocalTopology {
  readonly processes: readonly LocalProcess[];
  readonly api: string;
  readonly simulatorSmtp: string;
  readonly simulatorJournal: string;
}

const HOST = '127.0.0.1';

/** Bulk mail gives way to what somebody waits for, also in how a busy machine shares out its processors. */
const GIVES_WAY = ['--niceness', '10'] as const;

/**
 * Router and workers are processes of their own, so that any of them can be killed, and those of bulk mail are apart: on one
 * machine a flood of it costs a password reset little then (docs/benchmarks.md). What idles most of the time shares one.
 */
const RUN = [
  { name: 'router', roles: ['router'], options: ['--types', 'transactional,notification'] },
  { name: 'router-bulk', roles: ['router'], options: ['--types', 'marketing', ...GIVES_WAY] },
  { name: 'worker', roles: ['worker'], options: ['--queues', 'transactional,notification'] },
  { name: 'worker-bulk', roles: ['worker'], options: ['--queues', 'marketing,marketing-throttled', ...GIVES_WAY] },
  {
    name: 'background',
    roles: ['delay', 'inbound', 'webhooks', 'split', 'feedback', 'reputation', 'dns', 'placement', 'notifier'],
    options: [],
  },
  { name: 'api', roles: ['api'], options: [] },
] as const;

/** Names under which `localTopology` asks for ports. */
export const PORT_NAMES = [
  'simulator-smtp',
  'simulator',
  'http-api',
  'inbound',
  'webhooks',
  ...RUN.map(({ name }) => name),
] as const;
type PortName = (typeof PORT_NAMES)[number];

/** What `postlane up` runs on one machine, all started at once. */
export function localTopology(port: (name: PortName) => number): LocalTopology {
  const smtp = port('simulator-smtp');
  const url = (name: PortName) => `http://${HOST}:${port(name)}`;
  const relay = { POSTLANE_RELAY_HOST: HOST, POSTLANE_RELAY_PORT: String(smtp) };
  const listeners = {
    POSTLANE_API_HOST: HOST,
    POSTLANE_API_PORT: String(port('http-api')),
    POSTLANE_INBOUND_HOST: HOST,
    POSTLANE_INBOUND_PORT: String(port('inbound')),
    POSTLANE_WEBHOOKS_HOST: HOST,
    POSTLANE_WEBHOOKS_PORT: String(port('webhooks')),
  };
  const simulator: LocalProcess = {
    name: 'simulator',
    roles: ['simulator'],
    args: ['simulator', '--smtp-port', String(smtp), '--http-port', String(port('simulator')), '--keep-raw'],
    environment: {},
    readyUrl: `${url('simulator')}/stats`,
    metricsUrl: null,
  };
  const running = RUN.map(({ name, roles, options }) => ({
    name,
    roles,
    args: ['run', ...roles, ...options],
    environment: { ...relay, ...listeners, POSTLANE_HTTP_HOST: HOST, POSTLANE_HTTP_PORT: String(port(name)) },
    readyUrl: `${url(name)}/readyz`,
    metricsUrl: `${url(name)}/metrics`,
  }));
  return {
    processes: [simulator, ...running],
    api: url('http-api'),
    simulatorSmtp: `${HOST}:${smtp}`,
    simulatorJournal: url('simulator'),
  };
}

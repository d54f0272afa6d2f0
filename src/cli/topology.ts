import { type Environment, REGION_VARIABLE } from '../config/environment.ts';

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
  /** host:port */
  readonly submission: string;
  readonly simulatorSmtp: string;
  readonly simulatorJournal: string;
  /** Where each region takes mails in; `api` and `submission` are the first one's. */
  readonly regions: readonly { readonly name: string; readonly api: string; readonly submission: string }[];
}

const HOST = '127.0.0.1';

/** Bulk mail gives way to what somebody waits for, also in how a busy machine shares out its processors. */
const GIVES_WAY = ['--niceness', 'idle'] as const;

/**
 * What is accepted is kept, and may be sent a moment later; whoever hands a mail in waits for the answer. So the broker and the door go
 * first: 500 requests a second had a p99 of 38 ms with niceness 5 and have 23 ms with 10 (medians of three by turns, docs/decisions/0043).
 */
const AFTER_THE_DOOR = ['--niceness', '10'] as const;

/** Options of router and worker of the mail that somebody waits for, and of bulk mail. */
export const APART = {
  urgent: {
    router: ['--types', 'transactional,notification', ...AFTER_THE_DOOR],
    worker: ['--queues', 'transactional,notification', ...AFTER_THE_DOOR],
  },
  bulk: {
    router: ['--types', 'marketing', ...GIVES_WAY],
    worker: ['--queues', 'marketing,marketing-throttled', ...GIVES_WAY],
  },
} as const;

/**
 * Router and workers are processes of their own, so that any of them can be killed, and those of bulk mail are apart: on one
 * machine a flood of it costs a password reset little then (docs/benchmarks.md). What idles most of the time shares one.
 */
const RUN = [
  { name: 'router', roles: ['router'], options: APART.urgent.router },
  { name: 'router-bulk', roles: ['router'], options: APART.bulk.router },
  { name: 'worker', roles: ['worker'], options: APART.urgent.worker },
  { name: 'worker-bulk', roles: ['worker'], options: APART.bulk.worker },
  {
    name: 'background',
    roles: [
      'delay',
      'submission',
      'inbound',
      'webhooks',
      'unsubscribe',
      'split',
      'feedback',
      'reputation',
      'dns',
      'placement',
      'notifier',
    ],
    options: [],
  },
  { name: 'api', roles: ['api'], options: [] },
] as const;

const SINK_PORTS = ['simulator-smtp', 'simulator'] as const;
const DOOR_PORTS = ['http-api', 'submission', 'inbound', 'webhooks', 'unsubscribe'] as const;

/** Names under which `localTopology` asks for ports. */
export const portNames = (regions: readonly string[]): readonly string[] =>
  regions.length === 0
    ? [...SINK_PORTS, ...DOOR_PORTS, ...RUN.map(({ name }) => name)]
    : [...SINK_PORTS, ...regions.flatMap((region) => [region, ...DOOR_PORTS.map((door) => `${door}-${region}`)])];

/** Where the doors of a process listen; `suffix` tells those of a region from the others'. */
const listenersAt = (port: (name: string) => number, suffix: string): Environment => ({
  POSTLANE_API_HOST: HOST,
  POSTLANE_API_PORT: String(port(`http-api${suffix}`)),
  POSTLANE_SUBMISSION_HOST: HOST,
  POSTLANE_SUBMISSION_PORT: String(port(`submission${suffix}`)),
  POSTLANE_INBOUND_HOST: HOST,
  POSTLANE_INBOUND_PORT: String(port(`inbound${suffix}`)),
  POSTLANE_WEBHOOKS_HOST: HOST,
  POSTLANE_WEBHOOKS_PORT: String(port(`webhooks${suffix}`)),
  POSTLANE_UNSUBSCRIBE_HOST: HOST,
  POSTLANE_UNSUBSCRIBE_PORT: String(port(`unsubscribe${suffix}`)),
});

/**
 * What `postlane up` runs on one machine, all started at once. Where there are regions, each is one process that does
 * everything: six of them per region would be more than one machine is for.
 */
export function localTopology(port: (name: string) => number, regions: readonly string[] = []): LocalTopology {
  const smtp = port('simulator-smtp');
  const url = (name: string) => `http://${HOST}:${port(name)}`;
  const relay = { POSTLANE_RELAY_HOST: HOST, POSTLANE_RELAY_PORT: String(smtp) };
  const simulator: LocalProcess = {
    name: 'simulator',
    roles: ['simulator'],
    args: ['simulator', '--smtp-port', String(smtp), '--http-port', String(port('simulator')), '--keep-raw'],
    environment: {},
    readyUrl: `${url('simulator')}/stats`,
    metricsUrl: null,
  };
  const processOf = (
    { name, roles, options }: { name: string; roles: readonly string[]; options: readonly string[] },
    environment: Environment,
  ): LocalProcess => ({
    name,
    roles,
    args: ['run', ...roles, ...options],
    environment: { ...relay, ...environment, POSTLANE_HTTP_HOST: HOST, POSTLANE_HTTP_PORT: String(port(name)) },
    readyUrl: `${url(name)}/readyz`,
    metricsUrl: `${url(name)}/metrics`,
  });
  const everyRole = [...new Set<string>(RUN.flatMap(({ roles }) => roles))];
  const running =
    regions.length === 0
      ? RUN.map((one) => processOf(one, listenersAt(port, '')))
      : regions.map((name) =>
          processOf(
            { name, roles: everyRole, options: [] },
            { ...listenersAt(port, `-${name}`), [REGION_VARIABLE]: name },
          ),
        );
  const suffix = regions[0] === undefined ? '' : `-${regions[0]}`;
  return {
    processes: [simulator, ...running],
    api: url(`http-api${suffix}`),
    submission: `${HOST}:${port(`submission${suffix}`)}`,
    regions: regions.map((name) => ({
      name,
      api: url(`http-api-${name}`),
      submission: `${HOST}:${port(`submission-${name}`)}`,
    })),
    simulatorSmtp: `${HOST}:${smtp}`,
    simulatorJournal: url('simulator'),
  };
}

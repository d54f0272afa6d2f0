import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/types.ts';
import { PostlaneError } from '../domain/error.ts';
import { EMAIL_TYPES, type EmailType, QUEUES, type Queue } from '../domain/policy.ts';
import type { Host } from '../host/host.ts';
import type { Stoppable } from '../runtime/ports.ts';

/** What a role is started with. Its options of the command line come with the command's name, e.g. `queues`; null: all. */
export interface RoleContext {
  readonly config: Config;
  readonly environment: Environment;
  readonly queues: readonly string[] | null;
  readonly types: readonly string[] | null;
  /** What the roles of a process share; opened before the first of them. */
  readonly host: Host;
}

/** A role that runs. */
export interface RunningRole extends Stoppable {
  /** Settles when it cannot go on (its consumer died for good): the process drains and ends with a failure. */
  readonly dead?: Promise<Error>;
  /** Milliseconds since its last sign of life towards the broker. */
  readonly idleMs?: () => number;
}

export interface RoleDefinition {
  /** One line for `--help`. */
  readonly summary: string;
  start(context: RoleContext): Promise<RunningRole>;
}

/** Every role by name. A role's code is loaded when it is started, so that no other command pays for it. */
export const roles: Readonly<Record<string, RoleDefinition>> = {
  router: {
    summary: 'ingest → lanes: checks, deduplicates, suppresses, schedules; --types narrows it',
    start: async ({ host, types }) =>
      (await import('../../processors/router/main.ts')).startRouter(host, known('type', EMAIL_TYPES, types)),
  },
  worker: {
    summary: 'lanes → mail servers → results; --queues narrows it',
    start: async ({ host, queues }) =>
      (await import('../../processors/worker/main.ts')).startWorkers(host, known('queue', QUEUES, queues)),
  },
  delay: {
    summary: 'the ladder of scheduled and deferred mail',
    start: async ({ host }) => (await import('../../processors/delay/main.ts')).startDelay(host),
  },
  api: {
    summary: 'the HTTP API: takes mails in, and says what became of them',
    start: async ({ host }) => {
      const { openTracker } = await import('../../processors/tracker/main.ts');
      return (await import('../../producers/http/main.ts')).startApi(host, openTracker);
    },
  },
  inbound: {
    summary: 'the return path: takes bounces, complaints and other answers by SMTP',
    start: async ({ host }) => (await import('../../producers/inbound/main.ts')).startInbound(host),
  },
  webhooks: {
    summary: 'webhooks of providers: verifies, keeps, and only then answers',
    start: async ({ host }) => (await import('../../producers/webhooks/main.ts')).startWebhooks(host),
  },
  split: {
    summary: 'raw feedback → one record per event',
    start: async ({ host }) => (await import('../../processors/split/main.ts')).startSplit(host),
  },
  feedback: {
    summary: 'events of feedback → signals and annotations, bound to the mails that they are about',
    start: async ({ host }) => (await import('../../processors/feedback/main.ts')).startFeedback(host),
  },
  dns: {
    summary: 'checks what the DNS says of senders, and lets new keys sign',
    start: async ({ host }) => (await import('../../producers/dns/main.ts')).startDns(host),
  },
  placement: {
    summary: 'sends probes to seed mailboxes and looks where they arrive',
    start: async ({ host }) => (await import('../../producers/placement/main.ts')).startPlacement(host),
  },
  notifier: {
    summary: 'results → the customers’ endpoints: signed webhooks, tried again for a day',
    start: async ({ host }) => (await import('../../processors/notifier/main.ts')).startNotifier(host),
  },
  reputation: {
    summary: 'signals → suppressions',
    start: async ({ host }) => (await import('../../processors/reputation/main.ts')).startReputation(host),
  },
};

/** Those of `all` that were asked for; throws CONFIG_INVALID for what is not among them. */
function known<N extends EmailType | Queue>(
  what: string,
  all: readonly N[],
  asked: readonly string[] | null,
): readonly N[] {
  if (asked === null) return all;
  const unknown = asked.filter((name) => !(all as readonly string[]).includes(name));
  if (unknown.length === 0) return all.filter((name) => asked.includes(name));
  throw new PostlaneError('CONFIG_INVALID', {
    what: `there is no ${what} ${unknown.join(', ')}`,
    known: all.join(', '),
  });
}

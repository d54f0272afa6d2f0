import type { EmailJob } from '../../src/contracts/generated.ts';
import type { MailExchangers } from '../../src/dns/mail-exchangers.ts';
import { assert } from '../../src/domain/error.ts';
import { identitySubject } from '../../src/domain/identity.ts';
import { PROVIDERS, QUEUES, type Queue, type SiteLimits, type Source } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';
import { hostEffects } from '../../src/host/effect-host.ts';
import { failpoint } from '../../src/host/failpoints.ts';
import type { Host, Hosted } from '../../src/host/host.ts';
import { claimInstanceDirectory } from '../../src/host/instance-directory.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { directoryOver, learns, learnsFor, openMailExchangers } from '../../src/host/mail-exchangers.ts';
import { openMailLinks, ownLinksOf } from '../../src/host/own-links.ts';
import { sample } from '../../src/host/sampler.ts';
import { openSenderStates, type SenderStates } from '../../src/host/sender-states.ts';
import { sourcesOf } from '../../src/host/sources.ts';
import { type TemplateReader, Templates } from '../../src/host/templates.ts';
import { openVerpSigner } from '../../src/host/verp.ts';
import { openViews, type Views } from '../../src/host/views.ts';
import { startLimits } from '../../src/limits/start.ts';
import { InFlight } from '../../src/runtime/effects.ts';
import type { RateLimits } from '../../src/runtime/limits-port.ts';
import { createCourier } from '../../src/smtp/courier.ts';
import { RotatingLogIns } from '../../src/smtp/log-ins.ts';
import type { Courier } from '../../src/smtp/mail.ts';
import { createMailMaker, type KnownSenders, type MailMaker } from '../../src/smtp/mail-maker.ts';
import { SenderSigners } from '../../src/smtp/sender-signers.ts';
import { Conditions } from './conditions.ts';
import { ConnectionShares, type PartitionsOf } from './connection-shares.ts';
import { lanesOf, type SiteFinder, workerDefinition } from './index.ts';
import type { TemplateState } from './plan.ts';
import { ReadAhead } from './read-ahead.ts';
import { sender } from './send.ts';
import { lanesOn, shapingOf } from './shaping.ts';
import { Turns } from './turns.ts';
import type { Unit } from './unit.ts';

/** Of what a process may have in flight, at most this share belongs to queues that are not urgent: the rest is kept free. */
const BULK_SHARE = 0.75;
/** Mails of such queues that are composed and signed at once: an urgent one need not wait for hundreds of signatures. */
const BULK_MADE_AT_ONCE = 8;
/** An idle connection is given back after this long; most servers close it after five minutes. */
const CONNECTION_IDLE_MS = 30_000;

/** Group of the workers of one queue. */
export const workerGroup = (queue: Queue): string => `postlane.worker.${queue}`;

/** Starts the workers of the given queues in this process: one consumer group each, one courier and one in-flight cap for all. */
export async function startWorkers(host: Host, queues: readonly Queue[] = QUEUES): Promise<Hosted> {
  const { config, clock, telemetry } = host;
  const limits = await startLimits({ redis: config.redis, clock, telemetry });
  const directory = await claimInstanceDirectory(config.stateDir, 'worker');
  const views = await openViews(host, directory.path);
  const templates = await Templates.open(host, jobRulesOf(config));
  const states = await openSenderStates(host);
  const mails = await createMailMaker({ ...(await mailOptions(host, templates)), known: knownSenders(host, states) });
  const logIns = new RotatingLogIns({
    secrets: host.secrets,
    telemetry,
    now: clock.now,
    retryMs: config.secrets.retryMs,
  });
  const exchangers =
    config.sources.some(({ mode }) => mode === 'direct') || learns(config)
      ? openMailExchangers(config, clock.now, (outcome) => telemetry.count('postlane_mx_lookups_total', { outcome }))
      : null;
  const courier = createCourier({
    credentials: (source) => logIns.of(source),
    logIns,
    circuit: config.circuit,
    patienceFactor: config.worker.patienceFactor,
    idleMs: CONNECTION_IDLE_MS,
    now: clock.now,
    failpoint,
    ...(exchangers && { directory: directoryOver(exchangers, learns(config)) }),
    brokenTls: ({ name }) => telemetry.count('postlane_broken_tls_total', { source: name }),
  });
  const partitions = await partitionCounts(host);
  const partitionsOf = (lane: string): number => partitions.get(lane) ?? 1;
  const shaping = { conditions: new Conditions(), shares: new ConnectionShares(partitionsOf) };
  const inFlight = new InFlight(config.worker.inFlightMax);
  const bulk = {
    inFlight: new InFlight(Math.ceil(inFlight.max * BULK_SHARE), inFlight),
    making: new Turns(BULK_MADE_AT_ONCE),
  };
  const readAhead = new ReadAhead(config.worker);
  const hosted = await Promise.all(
    queues.map((queue) =>
      startQueue({
        host,
        queue,
        limits,
        views,
        templates,
        mails,
        courier,
        exchangers,
        shaping,
        partitionsOf,
        inFlight,
        bulk,
        readAhead,
      }),
    ),
  );
  return {
    name: 'worker',
    dead: Promise.race(hosted.map(({ dead }) => dead)),
    idleMs: () => Math.max(...hosted.map((one) => one.idleMs())),
    async stop() {
      await Promise.all(hosted.map((one) => one.stop()));
      await courier.close({ withinMs: 1_000 });
      logIns.stop();
      await states.stop();
      await views.stop();
      await templates.stop();
      await directory.release();
      await limits.stop();
    },
  };
}

interface QueueParts {
  readonly host: Host;
  readonly queue: Queue;
  readonly limits: RateLimits;
  readonly views: Views;
  readonly templates: TemplateReader;
  readonly mails: MailMaker;
  readonly courier: Courier;
  /** Null where nobody's mail exchangers are looked up. */
  readonly exchangers: MailExchangers | null;
  /** What the queues of a process know of sites together. */
  readonly shaping: { readonly conditions: Conditions; readonly shares: ConnectionShares };
  readonly partitionsOf: PartitionsOf;
  readonly inFlight: InFlight;
  /** What queues of lower priority share. */
  readonly bulk: { readonly inFlight: InFlight; readonly making: Turns };
  readonly readAhead: ReadAhead;
}

async function startQueue(parts: QueueParts): Promise<Hosted> {
  const { host, queue, limits, views, templates, courier } = parts;
  const { config, clock, telemetry } = host;
  const policy = config.queues.find((candidate) => candidate.queue === queue);
  assert(policy !== undefined, 'the configuration has every queue', { queue });
  const isUrgent = policy.priority === 'high';
  const sources = sourcesOf(config, queue);
  const { limitsOf, heirOf, circuits, answered } = shapingOf({ host, courier, ...parts.shaping });
  const definition = workerDefinition({
    policy,
    sources,
    views: {
      suppressionsOf: views.suppressionsOf,
      cancellationOf: views.cancellationOf,
      templateOf: templateStates(templates, clock.now),
    },
    names: views.names,
    limits,
    rules: jobRulesOf(config),
    limitsOf,
    allowance: allowanceIn(host, views),
    // Somebody waits for it: it is never held while another source of its pool is warm.
    overflow: queue === 'transactional' ? 'warm' : config.reputation.warmUp.overflow,
    first: queue === 'transactional' ? config.reputation.warmUp.transactionalFirst : 'new',
    sharedBy: (source, unit) => lanesOn(host, source, unit),
    heirOf,
    circuits,
    ...(parts.exchangers && learnsFor(config, policy.pool) && { sites: finderOver(parts.exchangers) }),
    send: sender({
      mails: parts.mails,
      courier,
      limitsOf: (unit, source) => atLeastOne(limitsOf(unit, source)),
      answered,
      telemetry,
      making: isUrgent ? null : parts.bulk.making,
    }),
    now: clock.now,
    chance: Math.random,
    tell: (unit, what) => telemetry.count('postlane_units_total', { queue, provider: unit.lane.provider, what }),
  });
  const hosted = await hostEffects(host, workerGroup(queue), definition, {
    policy,
    inFlight: isUrgent ? parts.inFlight : parts.bulk.inFlight,
    readAheadMax: () => parts.readAhead.perLane(),
    onAssigned(tasks) {
      parts.readAhead.owns(queue, tasks.length);
      for (const { provider } of lanesOf(policy)) {
        const lane = `${queue}.${provider}`;
        const owned = tasks.filter(({ topic }) => topic.endsWith(`.${lane}`)).map(({ partition }) => partition);
        limits.setShare(lane, owned.length / parts.partitionsOf(lane));
        parts.shaping.shares.set(queue, provider, owned);
      }
    },
    // Whoever owns them next counts its own connections only.
    onDrained: () => courier.closeIdle(),
  });
  const stopSampling = sample(() => {
    telemetry.gauge('postlane_units_in_flight', parts.inFlight.used, { queue });
    telemetry.gauge('postlane_lanes_paused', hosted.pausedLanes(), { queue });
    const waiting = definition.waiting();
    for (const { provider } of lanesOf(policy)) {
      telemetry.gauge('postlane_units_queued', waiting.get(provider) ?? 0, { queue, provider });
    }
    for (const source of sources) {
      for (const { provider } of lanesOf(policy)) {
        const { source: whole, site } = courier.circuits(source, provider);
        telemetry.gauge('postlane_circuits_open', (whole ?? site) ? 1 : 0, { source: source.name, provider });
      }
    }
  });
  return {
    ...hosted,
    async stop() {
      stopSampling();
      await hosted.stop();
    },
  };
}

/** What has been given out had a connection then; it must not wait for ever because another worker has it now. */
const atLeastOne = (limits: SiteLimits): SiteLimits =>
  limits.connectionsMax > 0 ? limits : { ...limits, connectionsMax: 1 };

/** Look-ups of mail exchangers, as the lanes of many sites ask for them. */
const finderOver = (exchangers: MailExchangers): SiteFinder => ({
  find: (domain) => exchangers.known(domain),
  news(domain, now) {
    const learned = exchangers.news(domain);
    return learned === null ? null : { ...learned, at: now };
  },
});

/** What the warm-up table says; a source that is declared new and has no row yet begins with the initial volume. */
function allowanceIn({ config }: Host, views: Views): (source: Source, unit: Unit) => number | null {
  const { warmUp } = config.reputation;
  const news = new Set(warmUp.enabled ? warmUp.sources : []);
  return (source, { lane }) => {
    if (!news.has(source.name)) return null;
    const row = views.allowanceOf(identitySubject('source', source.name, lane.provider));
    return row?.volume ?? warmUp.initialVolume;
  };
}

/** A template that exists in whatever form is ready: what is wrong with it is said when its mail is made. */
const templateStates =
  (templates: TemplateReader, now: () => Millis) =>
  ({ tenant, templateId, templateVersion }: EmailJob): TemplateState => {
    const found = templateId === null ? null : templates.find(tenant, templateId, templateVersion);
    const isThere = found === null || (found.kind === 'deleted' ? found.last !== null : found.kind !== 'unknown');
    return isThere ? { kind: 'ready' } : { kind: 'unknown', knownAt: now() - templates.stalenessMs() };
  };

/** Of every lane, by `<queue>.<provider>`: queues that other processes serve may draw on the same limits. */
async function partitionCounts(host: Host): Promise<ReadonlyMap<string, number>> {
  const lanes = QUEUES.flatMap((queue) => PROVIDERS.map((provider) => `${queue}.${provider}`));
  const counts = lanes.map(async (lane) => [lane, await host.partitionsOf(`email.send.${lane}`)] as const);
  return new Map(await Promise.all(counts));
}

/** Keys that operators have made sign in place of the configured ones, once the DNS shows them. */
function knownSenders({ clock, telemetry, secrets }: Host, states: SenderStates): KnownSenders {
  const keysOf = states.signing;
  const secret = async (reference: string) => (await secrets.resolve(reference)).bytes();
  const signers = new SenderSigners({ keysOf, secret, now: clock.now, telemetry });
  return {
    signerOf: (domain) => (states.rowOf(domain) === undefined ? undefined : signers.of(domain)),
    refusal: states.refusal,
  };
}

async function mailOptions(host: Host, templates: TemplateReader): Promise<Parameters<typeof createMailMaker>[0]> {
  const { config, secrets, telemetry } = host;
  const links = await openMailLinks(host);
  return {
    senders: config.senders,
    verp: await openVerpSigner(host),
    secrets,
    telemetry,
    feedbackSenderId: config.feedbackId.senderId,
    unsubscribeBaseUrl: config.unsubscribe.baseUrl,
    templates: { find: templates.find, links: ownLinksOf(links) },
    ...(links && { unsubscribeLinkOf: (job: EmailJob) => links.current.unsubscribe.linkOf(job) }),
  };
}

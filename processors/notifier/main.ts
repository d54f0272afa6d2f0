import { createHash } from 'node:crypto';
import type { DeliveryResult } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { hostAddresses } from '../../src/dns/host-addresses.ts';
import { SECOND_MS } from '../../src/domain/time.ts';
import { signingSecrets } from '../../src/domain/webhook-endpoint.ts';
import { drainMsOf, type Host, type Hosted } from '../../src/host/host.ts';
import { sample } from '../../src/host/sampler.ts';
import { webhookKeyOf } from '../../src/host/webhook-key.ts';
import { KafkaIntake } from '../../src/kafka/intake.ts';
import { KafkaHistory } from '../../src/kafka/kafka-history.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { openSecret, webhookSignature } from '../../src/secrets/webhook-secrets.ts';
import { type Deliver, Deliverer } from '../../src/webhooks/deliver.ts';
import { destinationRules } from '../../src/webhooks/destination.ts';
import { EndpointTable } from './endpoint-table.ts';
import { Notifier } from './notifier.ts';
import { RESULTS } from './place.ts';
import { Slots } from './slots.ts';
import { NAME } from './step.ts';

/** Consumer group of the notifiers. */
export const NOTIFIER_GROUP = 'postlane.notifier';

const RESOLVE_MS_MAX = 5 * SECOND_MS;
const ANSWER_BYTES_MAX = 64 * 1_024;
/** How often somebody who waits looks whether it is for nothing. */
const LOOK_MS = 250;
const AGAIN_MS = 20;
/** Characters of an event's id: 128 bits. */
const HASH_LENGTH = 32;

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);

export interface NotifierParts {
  /** What posts events. Default: our own client, by the rules of the configuration. */
  readonly deliver?: Deliver;
}

/** Starts a notifier in this process. */
export async function startNotifier(host: Host, parts: NotifierParts = {}): Promise<Hosted> {
  const { kafka, log, members, codec, clock, telemetry, config } = host;
  const { notifier: settings } = config;
  const deliverer = new Deliverer({
    rules: destinationRules(settings),
    addressesOf: (hostname) => hostAddresses(hostname, RESOLVE_MS_MAX),
    timeoutMs: settings.timeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  const history = new KafkaHistory<DeliveryResult>({ kafka, topics: RESULTS, codec, clock, telemetry });
  const keyText = webhookKeyOf(host);
  const slots = new Slots(settings.inFlightMax);
  const intake = new KafkaIntake({
    kafka,
    group: NOTIFIER_GROUP,
    members,
    topics: [topics.webhookEndpoints.name],
    telemetry,
    sessionTimeoutMs: config.kafka.sessionTimeoutMs,
    rebalanceTimeoutMs: config.kafka.rebalanceTimeoutMs,
    heartbeatMs: config.kafka.heartbeatIntervalMs,
    drainMs: drainMsOf(config),
  });
  const table = new EndpointTable(codec, telemetry, (...change) => notifier.changed(...change));
  const endpoints = new ViewFollower({ kafka, topic: topics.webhookEndpoints.name, store: table, clock, telemetry });
  const notifier: Notifier = new Notifier({
    shared: {
      history,
      deliver: parts.deliver ?? deliverer.deliver,
      async sign(endpoint, message) {
        const key = await keyText();
        const secrets = signingSecrets(endpoint, clock.now());
        return webhookSignature(
          secrets.map(({ sealed }) => openSecret(sealed, endpoint.endpointId, key)),
          message,
        );
      },
      hash,
      clock,
      telemetry,
      slots,
      jitter: Math.random,
      windowMax: settings.perEndpointMax,
      retryForMs: settings.retryForMs,
    },
    log,
    codec,
    intake,
    endpointsOf: (partition) => table.of(partition),
    async endpointsCurrent(signal) {
      while (!signal.aborted && !(await endpoints.current(LOOK_MS))) await clock.sleep(AGAIN_MS, signal);
    },
  });
  const stopListening = history.onNews(notifier.news);
  const stopSampling = sample(() => {
    const { states, waiting } = notifier.counts();
    for (const [state, count] of Object.entries(states))
      telemetry.gauge('postlane_notifier_endpoints', count, { state });
    telemetry.gauge('postlane_notifier_waiting', waiting);
    telemetry.gauge('postlane_notifier_under_way', slots.underWay);
  });
  const stop = async (): Promise<void> => {
    stopSampling();
    await intake.stop();
    stopListening();
    await Promise.all([endpoints.stop(), history.stop()]);
    deliverer.close();
  };
  try {
    await Promise.all([history.start(), endpoints.start()]);
    await intake.start(notifier);
  } catch (error) {
    await stop();
    throw error;
  }
  let stopping: Promise<void> | null = null;
  return {
    name: NAME,
    dead: intake.dead,
    idleMs: () => intake.idleMs(),
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}

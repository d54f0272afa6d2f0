import { createHash } from 'node:crypto';
import { Notifier } from '../../processors/notifier/notifier.ts';
import { RESULTS } from '../../processors/notifier/place.ts';
import { Slots } from '../../processors/notifier/slots.ts';
import type { DeliveryResult, WebhookEndpoint, WebhookProgress } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { ending } from '../../src/domain/results.ts';
import { DAY_MS } from '../../src/domain/time.ts';
import { newEndpoint } from '../../src/domain/webhook-endpoint.ts';
import type { Task } from '../../src/runtime/ports.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { MemoryCluster, MemoryLog } from '../../src/testing/memory-log.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';
import { settled, VirtualClock } from '../../src/testing/virtual-clock.ts';
import type { DeliveryOutcome } from '../../src/webhooks/deliver.ts';
import { MemoryHistory } from './memory-history.ts';

/** What an endpoint was told at a time. */
export interface Told {
  readonly url: string;
  readonly id: string;
  readonly jobId: string;
  readonly at: number;
}

const TASK: Task = { group: 'postlane.notifier', topic: topics.webhookEndpoints.name, partition: 0 };
export const TAKEN: DeliveryOutcome = { taken: true, status: 200 };
export const refusedWith = (status: number, retryAfterMs: number | null = null): DeliveryOutcome => ({
  taken: false,
  failure: 'status',
  status,
  retryAfterMs,
});

/** A notifier over a log in memory and a clock that is moved by hand; endpoints are functions. */
export class NotifierWorld {
  readonly clock = new VirtualClock();
  readonly cluster = new MemoryCluster();
  readonly codec = new MemoryCodec();
  readonly telemetry = new RecordingTelemetry();
  readonly history = new MemoryHistory(this.cluster, RESULTS, this.codec);
  readonly endpoints = new Map<string, WebhookEndpoint>();
  readonly told: Told[] = [];
  /** How each URL behaves. */
  readonly behaviours = new Map<string, (told: Told) => DeliveryOutcome | Promise<DeliveryOutcome>>();
  notifier: Notifier;
  private generation = 0;
  private stopListening: () => void = () => undefined;

  constructor() {
    this.notifier = this.make();
  }

  private make(): Notifier {
    const { clock, codec, telemetry, history } = this;
    const notifier = new Notifier({
      shared: {
        history,
        clock,
        telemetry,
        slots: new Slots(64),
        deliver: async ({ url, headers, body }) => {
          const { data } = JSON.parse(body) as { readonly data: { readonly id: string } };
          const told = { url, id: headers['webhook-id'] ?? '', jobId: data.id, at: clock.now() };
          this.told.push(told);
          return (this.behaviours.get(url) ?? (() => TAKEN))(told);
        },
        sign: async () => 'v1,signature',
        hash: (text) => createHash('sha256').update(text).digest('hex'),
        jitter: () => 0.5,
        windowMax: 8,
        retryForMs: DAY_MS,
      },
      log: new MemoryLog(this.cluster),
      codec,
      intake: { pause: () => undefined, rejoin: () => undefined },
      endpointsOf: () => this.endpoints,
      endpointsCurrent: async () => undefined,
    });
    this.stopListening = history.onNews(notifier.news);
    return notifier;
  }

  async start(): Promise<void> {
    await this.notifier.assigned([TASK], ++this.generation);
    await this.pass(1_000);
  }

  /** A graceful end: everything that was told is written. */
  async stop(): Promise<void> {
    const stopping = this.notifier.revoking(1_000);
    await this.pass(5_000);
    await stopping;
    this.stopListening();
  }

  /** Another process takes over from one that was killed: what it had not written is forgotten. */
  async crash(): Promise<void> {
    this.stopListening();
    this.notifier = this.make();
    await this.start();
  }

  /** Lets time pass, second by second at first, then in whatever steps somebody sleeps. */
  async pass(ms: number): Promise<void> {
    await settledMany();
    const until = this.clock.now() + ms;
    for (;;) {
      const next = this.clock.nextWake();
      if (next === null || next > until) break;
      await this.clock.advanceTo(next);
      this.cluster.now = this.clock.now();
      await settledMany();
    }
    await this.clock.advanceTo(until);
    this.cluster.now = this.clock.now();
    await settledMany();
  }

  endpoint(name: string, over: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
    const made = newEndpoint(
      {
        endpointId: name,
        tenant: 'default',
        url: `https://${name}.example/`,
        description: '',
        events: [],
        sealed: Buffer.from('sealed'),
      },
      this.clock.now(),
    );
    return this.put({ ...made, ...over });
  }

  put(endpoint: WebhookEndpoint): WebhookEndpoint {
    this.endpoints.set(endpoint.endpointId, endpoint);
    this.notifier.changed(0, endpoint.endpointId, endpoint);
    return endpoint;
  }

  delete(endpointId: string): void {
    this.endpoints.delete(endpointId);
    this.notifier.changed(0, endpointId, null);
  }

  /** Records that a mail was sent. */
  record(jobId: string, over: Partial<DeliveryResult> = {}): void {
    const job = { id: jobId, tenant: 'default', type: 'transactional' as const, recipient: 'ada@inbox.example' };
    const result = {
      ...ending({ ...job, campaign: null, tags: [], metadata: [] }, 'sent', 1, this.clock.now()),
      ...over,
    };
    const topic = topics.results('transactional');
    this.cluster.now = this.clock.now();
    this.cluster.append({ topic: topic.name, key: jobId, value: this.codec.encode(topic, result) });
    this.history.tell();
  }

  jobsTold(name: string): string[] {
    return this.told.filter(({ url }) => url === `https://${name}.example/`).map(({ jobId }) => jobId);
  }

  /** The rows as they lie in the log. */
  row(endpointId: string): WebhookProgress | undefined {
    let row: WebhookProgress | undefined;
    for (const { key, value } of this.cluster.all(topics.webhookProgress.name)) {
      if (key?.toString() !== endpointId) continue;
      const decoded = value === null ? null : this.codec.decode(topics.webhookProgress, value);
      row = decoded?.ok ? decoded.value : undefined;
    }
    return row;
  }
}

async function settledMany(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await settled();
}

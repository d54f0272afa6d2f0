import { DELAY_GROUP, delayDefinition } from '../../processors/delay/index.ts';
import { routerGroup } from '../../processors/router/index.ts';
import { type SendResult, workerDefinition } from '../../processors/worker/index.ts';
import type { Unit } from '../../processors/worker/unit.ts';
import { accept as acceptMail, addressRulesOf } from '../../producers/inbound/accept.ts';
import { acceptJob } from '../../producers/publisher/accept.ts';
import { accept as acceptWish } from '../../producers/unsubscribe/accept.ts';
import { requeueOf } from '../../src/cli/dead-letters.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/types.ts';
import type { Cancellation, DeadLetter, EmailJob, Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { addressOf } from '../../src/domain/address.ts';
import type { Queue } from '../../src/domain/policy.ts';
import { PLAIN_NAMES } from '../../src/domain/recipient-names.ts';
import type { DeliveryOutcome } from '../../src/domain/reply.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/domain/time.ts';
import { jobRulesOf } from '../../src/host/job-rules.ts';
import { openMailLinks } from '../../src/host/own-links.ts';
import { sourcesOf } from '../../src/host/sources.ts';
import { openVerpSigner } from '../../src/host/verp.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';
import { drive, type Fault } from '../../src/testing/driver.ts';
import { driveEffects, type Life } from '../../src/testing/effect-driver.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { MemoryCluster } from '../../src/testing/memory-log.ts';
import { MemorySecrets } from '../../src/testing/memory-secrets.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { grantingLimits } from './dispatcher-ports.ts';
import { REGIONS, REGIONS_YAML, type RegionName, TYPES } from './region-config.ts';
import { routerOver, Stores, tables } from './routing.ts';
import { silentTelemetry } from './silent-telemetry.ts';

const NO_FEEDBACK: Omit<Feedback, 'route' | 'at' | 'body'> = {
  format: 'generic',
  batchId: 'b',
  recipient: null,
  sender: null,
  peer: null,
};

/** What left over a source, and what was known of the region's own sources at that moment. */
export interface Sent {
  readonly region: RegionName;
  readonly source: string;
  readonly isAway: boolean;
  readonly ownWereShut: boolean;
  readonly bytes: Buffer;
  readonly address: string;
}

/** What the other side does is said by the first word of the address. */
function outcomeOf(behaviour: string): DeliveryOutcome {
  switch (behaviour) {
    case 'gone':
      return { kind: 'refused', stage: 'rcpt', reply: { code: 550, enhancedCode: '5.1.1', text: 'no such user' } };
    case 'full':
      return { kind: 'refused', stage: 'rcpt', reply: { code: 452, enhancedCode: '4.2.2', text: 'mailbox full' } };
    case 'cut':
      return { kind: 'failed', stage: 'dot', reason: 'reset', afterDot: true, detail: null };
    default:
      return { kind: 'accepted', reply: { code: 250, enhancedCode: '2.0.0', text: 'taken' } };
  }
}

/** A pipeline of several regions over one log in memory: the real processors, doors and hand operations, as composed for a region. */
export class RegionWorld {
  readonly clock = new VirtualClock();
  readonly codec = new MemoryCodec();
  readonly cluster = new MemoryCluster({ now: this.clock.now() });
  readonly sent: Sent[] = [];
  private readonly secrets = new MemorySecrets({
    'env:RETURN_PATHS': 'r'.repeat(32),
    'env:LINKS': 'l'.repeat(32),
  });
  /** Sources that nobody can send over at the moment. */
  readonly shut = new Set<string>();
  private readonly regions = new Map(
    REGIONS.map((name) => [
      name,
      {
        config: loadConfig({ env: { POSTLANE_REGION: name }, text: REGIONS_YAML }),
        view: this.cluster.inRegion(name),
        stores: new Stores(),
      },
    ]),
  );

  config(region: RegionName): Config {
    return this.of(region).config;
  }

  view(region: RegionName): MemoryCluster {
    return this.of(region).view;
  }

  /** Hands a job in at a region's door; false where it is refused there. */
  submit(region: RegionName, job: EmailJob): boolean {
    const rules = jobRulesOf(this.config(region));
    const accepted = acceptJob(job, { now: this.clock.now(), newId: () => job.id, rules });
    if (accepted.ok) this.append(region, accepted.record as Output);
    return accepted.ok;
  }

  /** What a foreign producer does that asks nobody: it writes to the topic of a region. */
  produce(region: RegionName, job: EmailJob): void {
    const topic = topics.ingest(job.type as 'marketing');
    this.view(region).append({ topic: topic.name, key: job.id, value: this.codec.encode(topic, job) });
  }

  cancel(region: RegionName, jobId: string): void {
    const value: Cancellation = {
      jobId,
      tenant: 'default',
      at: this.clock.now(),
      who: 'test',
      why: 'no longer wanted',
    };
    const topic = topics.cancellations;
    this.view(region).append({ topic: topic.name, key: jobId, value: this.codec.encode(topic, value) });
  }

  /**
   * Somebody answers a mail in every way there is, and whatever is answered is handed to the doors of every region, as if all
   * records of the DNS and all proxies led everywhere: a bounce with the whole mail in it, a complaint to the feedback loop
   * and to the provider's webhook, a click.
   */
  async answer(home: RegionName, job: EmailJob): Promise<void> {
    const { signer, links } = await this.keysOf(home);
    const [sender] = this.config(home).senders.list;
    const path = addressOf(signer.returnPath(job.tenant, job.id, sender?.returnPathDomain ?? ''));
    const token = new URL(links.linkOf(job) ?? '').pathname.split('/').at(-1) as string;
    const bytes = Buffer.from(`To: ${job.recipient}\r\n\r\n${job.payload?.subject} ${job.payload?.html}`);
    const hashOf = (parts: readonly (string | Uint8Array)[]) => String(parts[0]);
    const now = this.clock.now();
    for (const region of REGIONS) {
      const here = await this.keysOf(region);
      const rules = addressRulesOf(this.config(region), (local) => here.signer.verify(local));
      const recipients = [path, path.replace(/@.*/, `@${region}.bounces.shop.example`), `loop-${home}@shop.example`];
      const mail = { recipients, sender: '', peer: null, bytes };
      for (const output of acceptMail(mail, rules, hashOf, now)) this.append(region, output as Output);
      const link = here.links.read(token);
      if (link !== null) this.append(region, acceptWish(link, token, 'all', now) as Output);
      if (!this.config(region).webhooks.routes.some(({ name }) => name === `told-${home}`)) continue;
      const told = { ...NO_FEEDBACK, route: `told-${home}`, at: now, body: bytes, recipient: job.recipient };
      this.append(region, emit(topics.feedback, job.id, told) as Output);
    }
  }

  private async keysOf(region: RegionName) {
    const parts = { config: this.config(region), secrets: this.secrets, telemetry: silentTelemetry };
    const verp = await openVerpSigner(parts);
    const links = await openMailLinks(parts);
    if (verp === null || links === null) throw new Error('both have keys');
    verp.stop();
    links.stop();
    return { signer: verp.current, links: links.current.unsubscribe };
  }

  /** `postlane dead-letters requeue` of everything that lies there. */
  async requeue(region: RegionName): Promise<void> {
    const rules = jobRulesOf(this.config(region));
    const access = { codec: this.codec, kafka: null as never, jobBytesMax: 5_000_000 };
    for (const { value } of this.view(region).all(topics.deadLetters.name)) {
      const letter = this.codec.decode<DeadLetter>(topics.deadLetters, value);
      if (!letter.ok) throw new Error(letter.reason);
      const outcome = await requeueOf(access, letter.value, rules, this.clock.now());
      if (outcome.ok) this.view(region).append(outcome.record);
    }
  }

  /** What an operator does who sets the positions of every group back to the beginning. */
  rewind(region: RegionName): void {
    this.view(region).positions.clear();
    this.of(region).stores.lose();
  }

  /** Everything that a region has to do, with what waits for less than an hour. */
  async run(region: RegionName, faults: readonly Fault[] = [], lives: readonly Life[] = []): Promise<void> {
    const { view, stores, config } = this.of(region);
    const common = { cluster: view, clock: this.clock, codec: this.codec };
    const rules = {
      job: jobRulesOf(config),
      sourcesOf: (queue: Queue) => sourcesOf(config, queue).map(({ name }) => name),
    };
    const route = async () => {
      const define = routerOver(view, tables(), stores, rules, this.codec);
      await drive({ ...common, define, group: routerGroup('marketing'), faults });
    };
    for (let round = 0; round < 2; round++) {
      view.now = this.clock.now();
      await route();
      for (const queue of TYPES) await this.work(region, queue, round === 0 ? { faults, lives } : {});
      await drive({ ...common, define: delayDefinition, group: DELAY_GROUP, faults, waitMaxMs: HOUR_MS });
    }
    await route();
  }

  private async work(
    region: RegionName,
    queue: Queue,
    { faults = [], lives = [] }: { readonly faults?: readonly Fault[]; readonly lives?: readonly Life[] },
  ): Promise<void> {
    const { view, config } = this.of(region);
    const policy = config.queues.find((candidate) => candidate.queue === queue);
    if (policy === undefined) throw new Error(queue);
    const sources = sourcesOf(config, queue);
    const cancelled = new Set(view.all(topics.cancellations.name).map(({ key }) => String(key)));
    const isShut = (source: string) => this.shut.has(source);
    await driveEffects<EmailJob, Unit, SendResult>({
      cluster: view,
      codec: this.codec,
      clock: this.clock,
      group: `postlane.worker.${queue}`,
      faults: faults.map(({ commit }) => commit),
      lives,
      quietMs: 40,
      define: (isAlive) =>
        workerDefinition({
          policy: { ...policy, tickMs: 5 },
          sources,
          names: PLAIN_NAMES,
          rules: jobRulesOf(config),
          views: {
            suppressionsOf: () => [],
            cancellationOf: (jobId) => {
              const value = view.all(topics.cancellations.name).find(({ key }) => String(key) === jobId)?.value ?? null;
              const row = cancelled.has(jobId) ? this.codec.decode(topics.cancellations, value) : null;
              return row?.ok ? row.value : undefined;
            },
            templateOf: () => ({ kind: 'ready' }),
          },
          limits: grantingLimits(),
          limitsOf: () => ({ connectionsMax: 4, messagesPerConnectionMax: 100, ratePerMinute: null }),
          sharedBy: () => [],
          circuits: ({ name }) => ({
            source: isShut(name) ? this.clock.now() + MINUTE_MS : null,
            site: null,
            trial: false,
          }),
          allowance: () => null,
          overflow: 'warm',
          first: 'new',
          heirOf: () => 0,
          send: async (unit) => {
            const ownWereShut = sources.filter(({ isAway }) => !isAway).every(({ name }) => isShut(name));
            await this.clock.sleep(2);
            const { source, bytes, job } = unit;
            if (source && isAlive()) {
              this.sent.push({
                region,
                source: source.name,
                isAway: source.isAway,
                ownWereShut,
                bytes: Buffer.from(bytes),
                address: job.address,
              });
            }
            const outcome = outcomeOf(job.recipient.local.split('.')[0] as string);
            return { kind: 'attempted', attempt: { outcome, messageId: `<${job.id}@shop.example>` } };
          },
          now: () => this.clock.now(),
          chance: () => 0.5,
          tell: () => undefined,
        }),
    });
  }

  private append(region: RegionName, output: Output): void {
    for (const record of encodeOutputs(this.codec, [output])) this.view(region).append(record);
  }

  private of(region: RegionName) {
    const found = this.regions.get(region);
    if (found === undefined) throw new Error(region);
    return found;
  }
}

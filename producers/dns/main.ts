import type { SenderCheck } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { checkSenders } from '../../src/dns/check.ts';
import { outgoingOf, senderOf } from '../../src/dns/expectations.ts';
import { type LookUps, untilAborted } from '../../src/dns/look-ups.ts';
import { openLookUps } from '../../src/dns/open.ts';
import type { StandingKey } from '../../src/domain/dkim-keys.ts';
import { type DkimExpectation, dkimName } from '../../src/domain/dns/check-dkim.ts';
import type { Sender } from '../../src/domain/policy.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import type { Host } from '../../src/host/host.ts';
import { openSenderStates, type SenderStates } from '../../src/host/sender-states.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { emit } from '../../src/runtime/processor.ts';
import { dkimRecord } from '../../src/smtp/dkim.ts';
import { type LookedAt, news, OUTGOING, rowAfter } from './accept.ts';

const APPEND_MS_MAX = 30_000;
/** How often it is looked whether something is to be done. */
const TICK_MS = SECOND_MS;
/** A key that waits is looked for this often, so that a rotation need not wait for the next check of everything. */
const WAITING_MS = 15 * SECOND_MS;

/** The role that checks what the DNS says of senders: at its start, then every `dns.interval`. */
export interface RunningDns extends Stoppable {
  /** Settles when everything was checked once. */
  readonly checked: Promise<void>;
}

/** Starts it. Its rows tell workers which new keys may sign, and whom strict senders refuse. */
export async function startDns(host: Host): Promise<RunningDns> {
  const states = await openSenderStates(host);
  const stopping = new AbortController();
  const checker = new DnsChecker(host, states, stopping.signal);
  const { promise: checked, resolve: firstDone } = Promise.withResolvers<void>();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        if (await checker.tick()) firstDone();
      } catch (error) {
        host.telemetry.log('error', 'the DNS could not be checked; it is tried again', { error });
      }
      await host.clock.sleep(TICK_MS, stopping.signal);
    }
  })();
  return {
    checked,
    async stop() {
      stopping.abort();
      await running;
      await checker.close();
      await states.stop();
    },
  };
}

/** Knows what is due, and does it. */
class DnsChecker {
  private readonly host: Host;
  private readonly states: SenderStates;
  private readonly publisher: Publisher;
  private readonly lookUps: LookUps;
  private readonly stopping: AbortSignal;
  /** Rows as this process wrote them last: its own view may lag behind. */
  private readonly rows = new Map<string, SenderCheck>();
  private dueAt: Millis = 0;
  private keysDueAt: Millis = 0;
  /** Domain → the keys that were looked at. */
  private readonly seen = new Map<string, string>();

  constructor(host: Host, states: SenderStates, stopping: AbortSignal) {
    this.host = host;
    this.states = states;
    this.publisher = new Publisher({ kafka: host.kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    this.lookUps = untilAborted(openLookUps(host.config.dns), stopping);
    this.stopping = stopping;
  }

  /** True when everything was checked. */
  async tick(): Promise<boolean> {
    const { config, clock } = this.host;
    const now = clock.now();
    if (now >= this.dueAt) {
      await this.checkAll();
      this.dueAt = config.dns.intervalMs === null ? Number.POSITIVE_INFINITY : clock.now() + config.dns.intervalMs;
      return true;
    }
    const isKeyTime = now >= this.keysDueAt;
    if (isKeyTime) this.keysDueAt = now + Math.min(WAITING_MS, config.dns.intervalMs ?? WAITING_MS);
    for (const { domain } of config.senders.list) {
      const keys = this.madeKeys(domain);
      const isNew = keysId(keys) !== (this.seen.get(domain) ?? '');
      const waits = keys.some(({ state }) => state === 'waiting');
      if (isNew || (isKeyTime && waits)) await this.write(domain, null);
    }
    return false;
  }

  async close(): Promise<void> {
    await this.publisher.close();
  }

  private async checkAll(): Promise<void> {
    const { config, clock } = this.host;
    const senders = await Promise.all(
      config.senders.list.map(async (sender) => senderOf(config, sender, await this.expectedKeys(sender))),
    );
    const options = { lookUps: this.lookUps, clock, dns: config.dns };
    for (const { domain, verdict, findings } of await checkSenders(options, senders, outgoingOf(config))) {
      const subject = domain ?? OUTGOING;
      await this.write(subject, { subject, verdict, findings });
    }
  }

  private async write(subject: string, checked: Parameters<typeof rowAfter>[1]): Promise<void> {
    const { clock, codec, telemetry } = this.host;
    const keys = subject === OUTGOING ? [] : this.madeKeys(subject);
    const looked = await Promise.all(keys.map((key) => this.look(subject, key)));
    if (this.stopping.aborted) return; // what was found out in a hurry is nothing
    const before = this.rows.get(subject) ?? this.states.checkOf(subject);
    const row = rowAfter(before, checked, looked, subject, clock.now());
    await this.publisher.append(encodeOutputs(codec, [emit(topics.senderChecks, subject, row)]));
    this.rows.set(subject, row);
    this.seen.set(subject, keysId(keys));
    const told = news(before, row);
    if (told !== null)
      telemetry.log(row.verdict === 'fails' ? 'warn' : 'info', 'the DNS of a sender was checked', told);
    this.measure(row);
  }

  private async look(domain: string, { selector, record }: StandingKey): Promise<LookedAt> {
    const answer = await this.lookUps.lookUp({ type: 'TXT', name: dkimName(selector, domain) });
    return { selector, record: record ?? '', answer };
  }

  /** Keys of the operators that may sign some day. */
  private madeKeys(domain: string): readonly StandingKey[] {
    return this.states.standing(domain).filter(({ state, madeAt }) => madeAt !== null && state !== 'retired');
  }

  /** Every key that signs, waits or has mails on their way, with the record that belongs to it. */
  private expectedKeys(sender: Sender): Promise<readonly DkimExpectation[]> {
    const keys = this.states.standing(sender.domain).filter(({ state }) => state !== 'retired');
    return Promise.all(
      keys.map(async ({ selector, record, privateKey, state }) => ({
        selector,
        record: record ?? (await this.recordOf(privateKey)),
        waiting: state === 'waiting',
      })),
    );
  }

  /** Null where the key cannot be had. */
  private recordOf(privateKey: string): Promise<string | null> {
    return this.host.secrets.resolve(privateKey).then(
      (secret) => dkimRecord(secret.bytes()),
      () => null,
    );
  }

  private measure({ subject, verdict, findings, since, at }: SenderCheck): void {
    const { telemetry } = this.host;
    const said = since === null ? verdict : 'unknown';
    for (const one of ['passes', 'fails', 'unknown']) {
      telemetry.gauge('postlane_sender_verdict', one === said ? 1 : 0, { subject, verdict: one });
    }
    for (const severity of ['error', 'warning', 'notice', 'unknown']) {
      const count = findings.filter((found) => found.severity === severity).length;
      telemetry.gauge('postlane_dns_findings', count, { subject, severity });
    }
    telemetry.gauge('postlane_dns_checked_at_seconds', Math.floor(at / SECOND_MS), { subject });
    if (subject === OUTGOING) return;
    const standing = this.states.standing(subject);
    for (const state of ['waiting', 'signing', 'overlapping', 'retired']) {
      const count = standing.filter((key) => key.state === state).length;
      telemetry.gauge('postlane_dkim_keys', count, { sender: subject, state });
    }
  }
}

const keysId = (keys: readonly StandingKey[]): string =>
  keys.map(({ selector, record }) => `${selector} ${record}`).join('\n');

import type { SeedMailbox } from '../../src/config/types.ts';
import type { Placement } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import {
  isSought,
  type Look,
  placementAlerts,
  placementRates,
  rowsAfter,
  seedKey,
} from '../../src/domain/placement.ts';
import type { Provider } from '../../src/domain/policy.ts';
import { providerIndex } from '../../src/domain/provider.ts';
import { type Millis, SECOND_MS } from '../../src/domain/time.ts';
import type { Host } from '../../src/host/host.ts';
import { MemoryTable } from '../../src/host/memory-table.ts';
import { lookInto } from '../../src/imap/seed-mailbox.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { ViewFollower } from '../../src/kafka/view-follower.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import type { Output } from '../../src/runtime/processor.ts';
import { mailboxRow, nextProbesAt, placedOutput, probeOutputs } from './accept.ts';

const TICK_MS = SECOND_MS;
const APPEND_MS_MAX = 30_000;
/** Mailboxes that are looked into at once. */
const LOOKS_MAX = 4;

/** Starts the role that sends probes on the schedule, and looks for all probes in the seed mailboxes. */
export async function startPlacement(host: Host): Promise<Stoppable> {
  const { kafka, codec, clock, telemetry } = host;
  const table = new MemoryTable(topics.placements, codec, telemetry);
  const follower = new ViewFollower({ kafka, topic: topics.placements.name, store: table, clock, telemetry });
  await follower.start();
  const stopping = new AbortController();
  const watcher = new PlacementWatcher(host, table, stopping.signal);
  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await watcher.tick();
      } catch (error) {
        telemetry.log('error', 'placement could not be looked after; it is tried again', { error });
      }
      await clock.sleep(TICK_MS, stopping.signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
      await watcher.close();
      await follower.stop();
    },
  };
}

class PlacementWatcher {
  private readonly host: Host;
  private readonly table: MemoryTable<Placement>;
  private readonly stopping: AbortSignal;
  private readonly publisher: Publisher;
  private readonly providerOf: (domain: string) => Provider;
  /** Rows as this process wrote them last: its own view may lag behind. */
  private readonly own = new Map<string, Placement>();
  private readonly lookedAt = new Map<string, Millis>();
  private alarmed = new Set<string>();

  constructor(host: Host, table: MemoryTable<Placement>, stopping: AbortSignal) {
    this.stopping = stopping;
    this.host = host;
    this.table = table;
    this.publisher = new Publisher({ kafka: host.kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    this.providerOf = providerIndex(host.config.providers);
  }

  async tick(): Promise<void> {
    const { config, clock } = this.host;
    const { seeds, pollMs } = config.placement;
    const now = clock.now();
    await this.sendProbes(now);
    const sought = this.rows().filter((row) => isSought(row, now));
    const due = seeds.filter(({ name }) => {
      const waits = sought.some(({ seed, place }) => seed === name && place === 'waiting');
      return waits && now - (this.lookedAt.get(name) ?? 0) >= pollMs;
    });
    for (let at = 0; at < due.length; at += LOOKS_MAX) {
      const some = due.slice(at, at + LOOKS_MAX);
      await Promise.all(
        some.map((seed) =>
          this.look(
            seed,
            sought.filter((row) => row.seed === seed.name),
          ),
        ),
      );
    }
    if (due.length > 0) this.judge();
  }

  async close(): Promise<void> {
    await this.publisher.close();
  }

  private async sendProbes(now: Millis): Promise<void> {
    const { seeds, probe: message, intervalMs } = this.host.config.placement;
    if (message === null || seeds.length === 0 || now < nextProbesAt(this.rows(), intervalMs)) return;
    for (const { name, address } of seeds) {
      const provider = this.providerOf(address.slice(address.lastIndexOf('@') + 1).toLowerCase());
      const { row, outputs } = probeOutputs({ seed: name, address, provider, message, campaign: null }, now);
      await this.append(outputs);
      this.own.set(row.id, row);
    }
  }

  private async look(seed: SeedMailbox, sought: readonly Placement[]): Promise<void> {
    const { clock, config, telemetry } = this.host;
    this.lookedAt.set(seed.name, clock.now());
    const found = await this.open(seed, new Set(sought.map(({ id }) => id)));
    if (this.stopping.aborted) return; // an ended look says nothing
    const now = clock.now();
    const changed = rowsAfter(sought, found, now, config.placement.deadlineMs);
    const mailbox = mailboxRow(seed, found, now);
    const before = this.rowOf(seedKey(seed.name));
    const isNews = before?.place !== mailbox.place || before.folder !== mailbox.folder;
    if (isNews && found.kind === 'failed') {
      const { problem, detail } = found;
      telemetry.log('warn', 'a seed mailbox cannot be looked into', { seed: seed.name, problem, detail });
    }
    telemetry.gauge('postlane_seed_reachable', found.kind === 'seen' ? 1 : 0, { seed: seed.name });
    const rows = [...changed, ...(isNews ? [mailbox] : [])];
    const placed = changed.filter(({ place }) => place === 'inbox' || place === 'spam' || place === 'tab');
    await this.append([
      ...rows.map((row): Output => ({ topic: topics.placements, key: row.id, value: row })),
      ...placed.map((row) => placedOutput(row, now)),
    ]);
    for (const row of rows) this.own.set(row.id, row);
    for (const row of changed) this.count(row);
  }

  private count({ provider, place, delayMs, seed, id }: Placement): void {
    const { telemetry } = this.host;
    telemetry.count('postlane_placement_probes_total', { provider, place });
    if (delayMs !== null) telemetry.observe('postlane_placement_delay_ms', delayMs, { provider });
    if (place === 'missing') telemetry.log('warn', 'a probe is missing in its seed mailbox', { seed, probe: id });
  }

  private async open(seed: SeedMailbox, ids: ReadonlySet<string>): Promise<Look> {
    const { clock, secrets } = this.host;
    const textOf = async (reference: string) => (await secrets.resolve(reference)).text();
    try {
      const [user, password] = await Promise.all([textOf(seed.user), textOf(seed.password)]);
      return await lookInto({ seed, user, password, ids, now: clock.now(), signal: this.stopping });
    } catch (error) {
      return { kind: 'failed', problem: 'unreachable', detail: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Rates for the metrics, and an alarm where they are low or have fallen: once, until they are better. */
  private judge(): void {
    const { clock, config, telemetry } = this.host;
    const now = clock.now();
    const rows = this.rows();
    for (const { provider, probes, counts } of placementRates(rows, now - config.placement.windowMs, now + 1)) {
      for (const [place, count] of Object.entries(counts)) {
        telemetry.gauge('postlane_placement_ratio', count / probes, { provider, place });
      }
    }
    const alerts = placementAlerts(rows, config.placement, now);
    const providers = new Set(alerts.map(({ provider }) => provider));
    for (const alert of alerts) {
      telemetry.gauge('postlane_placement_alert', 1, { provider: alert.provider });
      if (!this.alarmed.has(alert.provider)) telemetry.log('warn', 'less mail arrives in the inbox', { ...alert });
    }
    for (const provider of this.alarmed) {
      if (!providers.has(provider)) telemetry.gauge('postlane_placement_alert', 0, { provider });
    }
    this.alarmed = providers;
  }

  private rowOf(id: string): Placement | undefined {
    return this.own.get(id) ?? this.table.get(id);
  }

  private rows(): readonly Placement[] {
    const rows = new Map(this.table.values().map((row) => [row.id, row]));
    for (const [id, row] of this.own) {
      if (rows.get(id)?.place === row.place)
        this.own.delete(id); // the view has caught up
      else rows.set(id, row);
    }
    return [...rows.values()];
  }

  private async append(outputs: readonly Output[]): Promise<void> {
    if (outputs.length > 0) await this.publisher.append(encodeOutputs(this.host.codec, outputs));
  }
}

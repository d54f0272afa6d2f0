import type { Broker, Cluster } from 'kafkajs';
import type { Connection, KafkaClient } from './client.ts';

/**
 * Brokers that coordinate groups, over one connection of its own, which is made when it is first needed. Nothing is tried again
 * here: whoever sees a failure calls `close`, and the next call begins anew.
 */
export class GroupCoordinators {
  private readonly kafka: Pick<KafkaClient, 'cluster'>;
  private connection: Connection<Cluster> | null = null;
  private connecting: Promise<void> | null = null;
  private readonly known = new Map<string, Promise<Broker>>();

  constructor(kafka: Pick<KafkaClient, 'cluster'>) {
    this.kafka = kafka;
  }

  /** The coordinator of a group, by its name at the broker: as it was found before while it is connected, else looked for. */
  async of(group: string): Promise<Broker> {
    const found = this.known.get(group);
    if (found !== undefined) {
      if ((await found).isConnected()) return found;
      if (this.known.get(group) === found) this.close();
    }
    const finding = this.known.get(group) ?? this.find(group);
    this.known.set(group, finding);
    return finding;
  }

  /** Cuts the connection. Idempotent. */
  close(): void {
    const { connection } = this;
    this.connection = null;
    this.connecting = null;
    this.known.clear();
    connection?.cut();
    void connection?.client.disconnect().catch(() => undefined);
  }

  private async find(group: string): Promise<Broker> {
    this.connection ??= this.kafka.cluster();
    const { client } = this.connection;
    this.connecting ??= client.connect().then(() => client.refreshMetadata());
    await this.connecting;
    return client.findGroupCoordinator({ groupId: group });
  }
}

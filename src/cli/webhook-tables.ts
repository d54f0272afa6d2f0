import type { WebhookEndpoint, WebhookProgress } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { CommandTables } from './command-tables.ts';
import type { CliContext } from './context.ts';

/** The tables of endpoints, for commands that look once. */
export class WebhookTables {
  private readonly tables: CommandTables;

  private constructor(tables: CommandTables) {
    this.tables = tables;
  }

  static async open(context: CliContext, config?: string): Promise<WebhookTables> {
    return new WebhookTables(await CommandTables.open(context, config, 'webhooks', [topics.webhookEndpoints]));
  }

  /** Every endpoint, oldest first. */
  async list(): Promise<readonly WebhookEndpoint[]> {
    const rows = await this.tables.rows(topics.webhookEndpoints, 'refuse');
    return [...rows.values()].sort((left, right) => left.at - right.at);
  }

  /** How far they have been told, by endpoint id. */
  progress(): Promise<ReadonlyMap<string, WebhookProgress>> {
    return this.tables.rows(topics.webhookProgress, 'refuse');
  }

  /** Throws CONFIG_INVALID where there is no such endpoint. */
  async find(endpointId: string): Promise<WebhookEndpoint> {
    const found = (await this.tables.rows(topics.webhookEndpoints, 'refuse')).get(endpointId);
    if (found === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `there is no endpoint ${endpointId}` });
    return found;
  }

  /** Null deletes it. */
  put(endpointId: string, endpoint: WebhookEndpoint | null): Promise<void> {
    return this.tables.put(topics.webhookEndpoints, endpointId, endpoint);
  }
}

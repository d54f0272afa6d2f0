import type { ApiKey } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { CommandTables } from './command-tables.ts';
import type { CliContext } from './context.ts';

/** The table of keys, for commands that look once. */
export class ApiKeyTable {
  private readonly tables: CommandTables;

  private constructor(tables: CommandTables) {
    this.tables = tables;
  }

  static async open(context: CliContext, config?: string): Promise<ApiKeyTable> {
    return new ApiKeyTable(await CommandTables.open(context, config, 'keys', [topics.apiKeys]));
  }

  /** Every key, revoked ones too, oldest first. */
  async list(): Promise<readonly ApiKey[]> {
    const rows = await this.tables.rows(topics.apiKeys, 'refuse');
    return [...rows.values()].sort((left, right) => left.at - right.at);
  }

  /** Throws CONFIG_INVALID where there is no such key. */
  async find(keyId: string): Promise<ApiKey> {
    const found = (await this.list()).find((key) => key.keyId === keyId);
    if (found === undefined) throw new PostlaneError('CONFIG_INVALID', { what: `there is no key ${keyId}` });
    return found;
  }

  put(key: ApiKey): Promise<void> {
    return this.tables.put(topics.apiKeys, key.keyId, key);
  }
}

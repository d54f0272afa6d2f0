import type { DkimKeys, SenderCheck } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { CommandTables } from './command-tables.ts';
import type { CliContext } from './context.ts';

/** The tables of sender domains, for commands that look once. */
export class SenderTables {
  private readonly tables: CommandTables;

  private constructor(tables: CommandTables) {
    this.tables = tables;
  }

  static async open(context: CliContext, config?: string): Promise<SenderTables> {
    return new SenderTables(await CommandTables.open(context, config, 'senders', [topics.dkimKeys]));
  }

  /** By domain. */
  keys(): Promise<ReadonlyMap<string, DkimKeys>> {
    return this.tables.rows(topics.dkimKeys, 'leave out');
  }

  /** By subject. */
  checks(): Promise<ReadonlyMap<string, SenderCheck>> {
    return this.tables.rows(topics.senderChecks, 'leave out');
  }

  put(row: DkimKeys): Promise<void> {
    return this.tables.put(topics.dkimKeys, row.domain, row);
  }
}

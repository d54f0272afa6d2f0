import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reputationDefinition } from '../../processors/reputation/index.ts';
import type { ReputationRules } from '../../processors/reputation/step.ts';
import type { ReputationSignal } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { codec, fold, logOf, memoryStores, rules, TABLES } from '../support/reputation-world.ts';

/** Recorded logs, one folder each: `log.jsonl`, and the tables that each version of the rules folds it into. */
export const HISTORIES = join(import.meta.dirname, 'histories');
export const histories = (): readonly string[] => readdirSync(HISTORIES).sort();

const PARTITIONS = 3;
const LOG = 'log.jsonl';
const HASH_LENGTH = 12;

export const linesOf = (file: string): readonly string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/** The version under which rows are recorded. */
export const versionOf = (judged: ReputationRules = rules): string =>
  reputationDefinition(memoryStores(), codec, judged).version;

/** Where the tables of a version are recorded: its numbers for people, and a hash of all that it names. */
export function tablesFile(history: string, version: string): string {
  const numbers = version.split('/').filter((part) => /^\d+$/.test(part));
  const named = hash('sha256', version, 'hex').slice(0, HASH_LENGTH);
  return join(HISTORIES, history, `tables ${numbers.join('-')} ${named}.jsonl`);
}

/** The tables that were recorded last, of whatever version; null where there are none. */
export function lastTables(history: string): string | null {
  const recorded = readdirSync(join(HISTORIES, history)).filter((name) => name.startsWith('tables '));
  const last = recorded.sort(new Intl.Collator('en', { numeric: true }).compare).at(-1);
  return last === undefined ? null : join(HISTORIES, history, last);
}

/** Folds a recorded log with the production fold: one line of JSON per row, in order of table and subject. */
export async function refold(history: string, judged: ReputationRules = rules): Promise<readonly string[]> {
  const signals = linesOf(join(HISTORIES, history, LOG)).map((line) => JSON.parse(line) as ReputationSignal);
  const now = Math.max(...signals.map(({ at }) => at));
  const cluster = logOf(signals, now, PARTITIONS);
  await fold(cluster, { rules: judged, batchSizes: [50] });
  const rows = new Map<string, string>();
  for (const topic of TABLES.filter((table) => table !== topics.reputationState)) {
    for (const { key, value } of cluster.all(topic.name)) {
      const decoded = value === null ? null : codec.decode(topic, value);
      if (decoded?.ok) rows.set(`${topic.name} ${key}`, JSON.stringify({ table: topic.name, row: decoded.value }));
    }
  }
  return [...rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, line]) => line);
}

/** What is different, as lines with a sign in front; empty where nothing is. */
export function differences(before: readonly string[], after: readonly string[]): readonly string[] {
  const [known, found] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !found.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !known.has(line)).map((line) => `+ ${line}`),
  ];
}

export const isRecorded = (history: string, version: string): boolean => existsSync(tablesFile(history, version));

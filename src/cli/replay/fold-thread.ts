import { parentPort, workerData } from 'node:worker_threads';
import { FIELDS_FOLDED, type ReputationRules } from '../../../processors/reputation/step.ts';
import { topics } from '../../contracts/topic.ts';
import { classify } from '../../domain/classification.ts';
import { type ErrorCode, type Facts, isPostlaneError } from '../../domain/error.ts';
import { giveWay } from '../../infra/give-way.ts';
import { connectPipeline } from '../connect-pipeline.ts';
import type { ConnectionAddresses } from '../connection.ts';
import { type Folded, foldPartitions, type Share } from './fold-partitions.ts';
import { ALL_TABLES } from './live-tables.ts';

/** What a thread is started with: copies, so that nothing is shared. */
export interface ThreadTask {
  readonly connection: ConnectionAddresses;
  readonly share: Share;
  /** The rules without what cannot be sent: judging is code, the same in every thread. */
  readonly rules: Omit<ReputationRules, 'judge'>;
}

/** What a thread says. */
export type ThreadReport =
  | { readonly kind: 'progress'; readonly done: number; readonly read: number }
  | { readonly kind: 'folded'; readonly folded: Folded }
  | { readonly kind: 'failed'; readonly code: ErrorCode | null; readonly facts: Facts; readonly message: string };

/** Production goes on beside it: a replay takes what that leaves. */
const NICENESS = 10;
/** Progress is told so often at most. */
const TELL_MS = 200;

/** The thread: it is told to stop by any message. */
async function run(port: NonNullable<typeof parentPort>, { connection, share, rules }: ThreadTask): Promise<void> {
  // Of this thread alone (Linux), with those that it will begin.
  giveWay(NICENESS);
  const stopping = new AbortController();
  port.on('message', () => stopping.abort());
  const tell = (report: ThreadReport): void => port.postMessage(report);
  const untold = { done: 0, read: 0 };
  const tellProgress = (): void => {
    tell({ kind: 'progress', ...untold });
    untold.done = 0;
    untold.read = 0;
  };
  const telling = setInterval(tellProgress, TELL_MS);
  try {
    // What feedback said is put among the signals by their subjects and routes; else the fold alone reads them.
    const fields = share.again === null ? { ReputationSignal: FIELDS_FOLDED } : {};
    const encodes = [topics.reputation, ...ALL_TABLES];
    const { kafka, codec } = await connectPipeline(connection, 'replay', encodes, fields);
    const folded = await foldPartitions({
      ...share,
      rules: { ...rules, judge: classify },
      kafka,
      codec,
      signal: stopping.signal,
      progress(done, read) {
        untold.done += done;
        untold.read += read;
      },
    });
    tellProgress();
    tell({ kind: 'folded', folded });
  } catch (error) {
    tellProgress();
    const { code, facts } = isPostlaneError(error) ? error : { code: null, facts: {} };
    tell({ kind: 'failed', code, facts: JSON.parse(JSON.stringify(facts)) as Facts, message: String(error) });
  } finally {
    clearInterval(telling);
    port.close();
  }
}

if (parentPort) await run(parentPort, workerData as ThreadTask);

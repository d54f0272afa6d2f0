import { open, readFile, rename } from 'node:fs/promises';
import { PostlaneError } from '../../src/domain/error.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { Place } from '../../src/rows/row.ts';

/** What became of the rows so far. */
export interface ImportCounts {
  readonly rows: number;
  /** Rows that lie in the log, on all in-sync replicas. */
  readonly published: number;
  readonly refused: number;
}

/** How far an import is: everything before `place` is in the log or in the error file. */
export interface Checkpoint {
  /** What is imported and how, by name: an import goes on only if all of it is still the same. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What was decided when it began, and must not change while it goes on. */
  readonly decided: Readonly<Record<string, string | number | null>>;
  readonly startedAt: Millis;
  /** Null while it is not done. */
  readonly finishedAt: Millis | null;
  readonly place: Place;
  readonly counts: ImportCounts;
  /** Length of the error file. */
  readonly errorBytes: number;
}

/** Null where there is none. Throws CONFIG_INVALID for a file that is something else. */
export async function readCheckpoint(path: string): Promise<Checkpoint | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { version, ...checkpoint } = JSON.parse(text) as Checkpoint & { readonly version: number };
    if (version === VERSION && Number.isSafeInteger(checkpoint.place.bytes)) return checkpoint;
  } catch {
    // Said below, in words that help.
  }
  throw new PostlaneError('CONFIG_INVALID', { what: 'a checkpoint cannot be read', file: path });
}

const VERSION = 1;

/** Replaces the checkpoint as a whole: whoever reads it sees the old one or the new one. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ version: VERSION, ...checkpoint }, null, 2)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(next, path);
}

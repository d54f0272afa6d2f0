import { rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Checkpoint,
  type ImportCounts,
  readCheckpoint,
  writeCheckpoint,
} from '../../../producers/import/checkpoint.ts';
import { ErrorFile } from '../../../producers/import/error-file.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { Millis } from '../../domain/time.ts';
import { claimDirectory } from '../../host/instance-directory.ts';
import { BEGINNING, type Place } from '../../rows/row.ts';

export interface StateOptions {
  readonly directory: string;
  /** Null: in the directory. */
  readonly errorsPath: string | null;
  /** What is imported and how. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Decides once what must stay as it is while the import goes on. */
  readonly decide: () => Promise<Checkpoint['decided']>;
  /** Forgets what was there. */
  readonly restart: boolean;
  readonly now: () => Millis;
}

const NOTHING: ImportCounts = { rows: 0, published: 0, refused: 0 };

/** How far an import is, on disk: a directory beside the file, which one process at a time has. */
export class ImportState {
  readonly errors: ErrorFile;
  readonly errorsPath: string;
  private readonly path: string;
  private readonly release: () => Promise<void>;
  private readonly now: () => Millis;
  private checkpoint: Checkpoint;

  private constructor(parts: {
    readonly errors: ErrorFile;
    readonly errorsPath: string;
    readonly path: string;
    readonly release: () => Promise<void>;
    readonly now: () => Millis;
    readonly checkpoint: Checkpoint;
  }) {
    this.errors = parts.errors;
    this.errorsPath = parts.errorsPath;
    this.path = parts.path;
    this.release = parts.release;
    this.now = parts.now;
    this.checkpoint = parts.checkpoint;
  }

  /**
   * Takes the directory, and what it knows of the same import. Throws CONFIG_INVALID where another process has it, where it
   * is about another import, and where the file for errors holds something else.
   */
  static async open(options: StateOptions): Promise<ImportState> {
    const { directory, restart, settings, now } = options;
    const release = await claimDirectory(directory);
    if (release === null) {
      throw new PostlaneError('CONFIG_INVALID', { what: 'another process is importing this', state: directory });
    }
    try {
      const path = join(directory, 'checkpoint.json');
      const errorsPath = options.errorsPath ?? join(directory, 'errors.ndjson');
      const known = restart ? null : await readCheckpoint(path);
      if (known) checkSame(known.settings, settings, directory);
      else if (restart) await rm(errorsPath, { force: true });
      // In its own directory, what an import before has left is over.
      else if (options.errorsPath !== null) await checkEmpty(errorsPath);
      const checkpoint = known ?? {
        settings,
        decided: await options.decide(),
        startedAt: now(),
        finishedAt: null,
        place: BEGINNING,
        counts: NOTHING,
        errorBytes: 0,
      };
      await writeCheckpoint(path, checkpoint);
      const errors = await ErrorFile.open(errorsPath, checkpoint.errorBytes);
      return new ImportState({ errors, errorsPath, path, release, now, checkpoint });
    } catch (error) {
      await letGo(release, directory);
      throw error;
    }
  }

  get reached(): Checkpoint {
    return this.checkpoint;
  }

  /** Errors first: a checkpoint never knows of more than is on disk. */
  async save(place: Place, counts: ImportCounts): Promise<void> {
    const errorBytes = await this.errors.sync();
    this.checkpoint = { ...this.checkpoint, place, counts, errorBytes };
    await writeCheckpoint(this.path, this.checkpoint);
  }

  async finish(): Promise<void> {
    this.checkpoint = { ...this.checkpoint, finishedAt: this.now() };
    await writeCheckpoint(this.path, this.checkpoint);
  }

  /** Forgets the place of an import that is done. Errors stay, where there are any. */
  async forget(): Promise<void> {
    await rm(this.path, { force: true });
    if (this.checkpoint.errorBytes === 0) await rm(this.errorsPath, { force: true });
  }

  /** Lets go of the directory, and of an empty one altogether. */
  async close(): Promise<void> {
    await this.errors.close();
    await letGo(this.release, dirname(this.path));
  }
}

/** A directory in which nothing is left goes with its claim. */
async function letGo(release: () => Promise<void>, directory: string): Promise<void> {
  await release();
  await rmdir(directory).catch(() => undefined);
}

function checkSame(known: Checkpoint['settings'], settings: Checkpoint['settings'], state: string): void {
  const names = [...new Set([...Object.keys(known), ...Object.keys(settings)])];
  const differing = names.filter((name) => JSON.stringify(known[name]) !== JSON.stringify(settings[name]));
  if (differing.length === 0) return;
  const remedy = differing.includes('fingerprint')
    ? 'the file has changed since: give it another --id, or --restart; with --key, rows that were sent stay sent'
    : 'ask for the same again, give it another --id or --state, or --restart';
  const what = 'an import that was begun differs from this one';
  throw new PostlaneError('CONFIG_INVALID', { what, differing, state, remedy });
}

async function checkEmpty(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null || found.size === 0) return;
  const remedy = 'name another one with --errors, or --restart to replace it';
  throw new PostlaneError('CONFIG_INVALID', {
    what: 'the file for errors holds something already',
    file: path,
    remedy,
  });
}

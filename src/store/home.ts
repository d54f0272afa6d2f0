import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { PostlaneError } from '../domain/error.ts';

/** Layout of what is stored, where its owner names none; another one is thrown away and read again from the log. */
const FORMAT = 1;
/** Fixed, so that the second meta page is where we look for it. */
const PAGE_BYTES = 4_096;
/** Offset of the magic number in a meta page, behind the page's header, and the number itself (little endian). */
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;
/** Named databases per home: three types with a hundred partitions each, and room. */
const DATABASES_MAX = 512;
/**
 * Pages at the end that lmdb counts, and has let go of before they were written: of 1,813 transactions of a thousand rows 33 left a
 * file that was some pages short.
 */
const PAGES_UNWRITTEN_MAX = 64;
/** Abortable and not flushed (lmdb's own numbers, which its module exports as types only). */
const TRANSACTION_FLAGS = 1 | 0x10000;

const DATA_FILE = 'data.mdb';
const STATE_FILE = 'home.json';

interface State {
  readonly format: number;
  /** Of the operating system's run in which the file was last written. */
  readonly bootId: string | null;
  /** `opening`: a process was about to open it; found at a start, it died of it. `closed`: everything reached the disk. */
  readonly phase: 'opening' | 'open' | 'closed';
  /** How long the file was when it was closed; null while it is open. */
  readonly bytes?: number | null;
}

type WriteKey = (key: string | Uint8Array, target: Buffer, start: number) => number;

/**
 * A directory with one lmdb environment: a cache of topics, never the truth. It is not flushed while in use: a process
 * that is killed loses nothing, as the pages are the kernel's, and after a crash of the machine the boot id tells that the
 * file is not to be trusted. What is torn, of another format or fatal to open is wiped and filled again by its readers.
 *
 * One process per directory.
 */
export class StoreHome {
  readonly directory: string;
  /** True where it was begun anew: there was nothing, or nothing that could be used. */
  readonly fresh: boolean;
  private readonly root: RootDatabase<Buffer, Uint8Array>;
  private readonly format: number;
  private readonly isReader: boolean;
  private closing: Promise<void> | null = null;

  private constructor(
    directory: string,
    format: number,
    root: RootDatabase<Buffer, Uint8Array>,
    fresh: boolean,
    isReader = false,
  ) {
    this.isReader = isReader;
    this.directory = directory;
    this.format = format;
    this.root = root;
    this.fresh = fresh;
  }

  /** Opens or makes it; what lies there in another format is wiped. Throws STORE_UNAVAILABLE where the file system does not let us. */
  static async open(directory: string, format: number = FORMAT): Promise<StoreHome> {
    try {
      mkdirSync(directory, { recursive: true });
      const usable = isUsable(directory, format);
      if (!usable) wipe(directory);
      writeState(directory, format, 'opening');
      let home = new StoreHome(directory, format, openRoot(directory), !usable);
      if (!home.isWhole()) {
        // Only lmdb itself knows how long the file must be. Nothing was read yet, so nothing can have gone wrong.
        await home.release();
        wipe(directory);
        home = new StoreHome(directory, format, openRoot(directory), true);
      }
      writeState(directory, format, 'open');
      return home;
    } catch (cause) {
      throw new PostlaneError('STORE_UNAVAILABLE', { directory, what: 'cannot be opened' }, { cause });
    }
  }

  /**
   * Reads a home that another thread of this process has open, and closes later. A read sees all that was committed before it.
   * Throws STORE_UNAVAILABLE.
   */
  static openToRead(directory: string): StoreHome {
    try {
      return new StoreHome(directory, FORMAT, openRoot(directory), false, true);
    } catch (cause) {
      throw new PostlaneError('STORE_UNAVAILABLE', { directory, what: 'cannot be opened' }, { cause });
    }
  }

  /** False where the file is shorter than pages that were never written explain. Those are made up for, since nobody may read behind the end. */
  private isWhole(): boolean {
    const path = join(this.directory, DATA_FILE);
    const { lastPageNumber } = this.root.getStats() as { readonly lastPageNumber: number };
    const bytes = (lastPageNumber + 1) * PAGE_BYTES;
    const missing = bytes - statSync(path).size;
    if (missing > PAGES_UNWRITTEN_MAX * PAGE_BYTES) return false;
    if (missing > 0) truncateSync(path, bytes);
    return true;
  }

  /** A named database of binary keys and values. */
  database(name: string): Database<Buffer, Uint8Array> {
    return this.root.openDB<Buffer, Uint8Array>({ name, encoding: 'binary', keyEncoding: 'binary' });
  }

  /**
   * A named database of binary values, whose keys, texts among them, are written by `writeKey` to where lmdb looks them up; it answers
   * where they end. None begins with a byte below 5.
   */
  databaseOf(name: string, writeKey: WriteKey): Database<Buffer, string | Uint8Array> {
    const readKey = (source: Buffer, start: number, end: number) => Buffer.from(source.subarray(start, end));
    const options = { name, encoding: 'binary', keyEncoder: { writeKey, readKey } } as const;
    return this.root.openDB<Buffer, string | Uint8Array>(options);
  }

  /** All or nothing; visible to reads at once. Throws STORE_UNAVAILABLE, and has then changed nothing. */
  transact(action: () => void): void {
    try {
      this.root.transactionSync(action, TRANSACTION_FLAGS);
    } catch (cause) {
      throw new PostlaneError('STORE_UNAVAILABLE', { directory: this.directory, what: 'cannot be written' }, { cause });
    }
  }

  /** What a look-up answers. Throws STORE_UNAVAILABLE where lmdb fails: never to be taken for a fault of the record. */
  read<T>(action: () => T): T {
    try {
      // lmdb keeps what it saw first for the rest of a turn of the event loop; the other thread commits meanwhile.
      if (this.isReader) this.root.resetReadTxn();
      return action();
    } catch (cause) {
      throw new PostlaneError('STORE_UNAVAILABLE', { directory: this.directory, what: 'cannot be read' }, { cause });
    }
  }

  /** The value of a key, which is good until the next read only. Throws STORE_UNAVAILABLE, as `read` does. */
  find(database: Database<Buffer, string | Uint8Array>, key: string | Uint8Array): Buffer | undefined {
    try {
      return database.getBinaryFast(key);
    } catch (cause) {
      throw new PostlaneError('STORE_UNAVAILABLE', { directory: this.directory, what: 'cannot be read' }, { cause });
    }
  }

  /** Flushes and closes. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.isReader ? this.release() : this.shut();
    return this.closing;
  }

  private async release(): Promise<void> {
    // Closing in the same turn as a read or a write would block for ever (lmdb 3.5).
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.root.close();
  }

  private async shut(): Promise<void> {
    await this.release();
    const path = join(this.directory, DATA_FILE);
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    writeState(this.directory, this.format, 'closed', statSync(path).size);
  }
}

const openRoot = (directory: string): RootDatabase<Buffer, Uint8Array> =>
  open<Buffer, Uint8Array>({
    path: directory,
    noSubdir: false,
    pageSize: PAGE_BYTES,
    maxDbs: DATABASES_MAX,
    encoding: 'binary',
    keyEncoding: 'binary',
    noSync: true,
    overlappingSync: false,
    cache: false,
  });

/** Changes with every start of the operating system; null where it cannot be told: then only a closed file is trusted. */
function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

function readState(directory: string): State | null {
  try {
    return JSON.parse(readFileSync(join(directory, STATE_FILE), 'utf8')) as State;
  } catch {
    return null;
  }
}

function writeState(directory: string, format: number, phase: State['phase'], bytes: number | null = null): void {
  const state: State = { format, bootId: bootId(), phase, bytes };
  const path = join(directory, STATE_FILE);
  writeFileSync(`${path}.new`, JSON.stringify(state));
  renameSync(`${path}.new`, path);
}

/** Can what lies there be opened? lmdb ends the process on a file that is none, so it is not asked. */
function isUsable(directory: string, format: number): boolean {
  const state = readState(directory);
  if (state === null || state.format !== format || state.phase === 'opening') return false;
  const sameRun = state.bootId !== null && state.bootId === bootId();
  const path = join(directory, DATA_FILE);
  return (sameRun || state.phase === 'closed') && hasMetaPages(path) && statSync(path).size >= (state.bytes ?? 0);
}

function hasMetaPages(path: string): boolean {
  const pages = Buffer.alloc(2 * PAGE_BYTES);
  try {
    const file = openSync(path, 'r');
    try {
      if (readSync(file, pages, 0, pages.length, 0) < pages.length) return false;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  return [0, PAGE_BYTES].every((page) => pages.readUInt32LE(page + MAGIC_OFFSET) === MAGIC);
}

function wipe(directory: string): void {
  for (const name of [DATA_FILE, 'lock.mdb']) rmSync(join(directory, name), { force: true });
}

import { randomUUID } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { constants, link, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import type { SecretReference } from '../domain/secret-reference.ts';
import { Secret, SecretDocument } from './secret.ts';
import { SECRET_BYTES_MAX, type SecretStore, THERE_ALREADY, unavailable } from './store.ts';

/** A file is written in several steps, each of which is told. */
const SETTLE_MS = 50;

/**
 * Secrets in files, as container platforms mount them: a file that is replaced, a directory of links that is switched over
 * (Kubernetes), or a file that is written in place. The directory is watched, since a watch on a replaced file sees nothing.
 */
export class FileStore implements SecretStore {
  readonly scheme = 'file';
  private readonly watchers = new Set<FSWatcher>();

  read(reference: SecretReference, edition: 'newest'): Promise<SecretDocument>;
  read(reference: SecretReference, edition: 'before'): Promise<SecretDocument | null>;
  async read(reference: SecretReference, edition: 'newest' | 'before'): Promise<SecretDocument | null> {
    if (edition === 'before') return null;
    try {
      return await this.readFile(reference);
    } catch (cause) {
      if (cause instanceof PostlaneError) throw cause;
      throw unavailable(reference, (cause as NodeJS.ErrnoException).code ?? 'cannot be read', cause);
    }
  }

  private async readFile(reference: SecretReference): Promise<SecretDocument> {
    // Opening a pipe would otherwise wait for its writer.
    const file = await open(reference.name, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(SECRET_BYTES_MAX + 1);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw unavailable(reference, 'not a file');
      let length = 0;
      // Read to its end, not to the size it had: it may be longer by now.
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = (await file.read(buffer, length, buffer.length - length, length)).bytesRead;
      }
      if (length > SECRET_BYTES_MAX) throw unavailable(reference, `longer than ${SECRET_BYTES_MAX} bytes`);
      const secret = new Secret(buffer.subarray(0, length)).withoutLastBreak();
      if (secret.length === 0) throw unavailable(reference, 'it is empty');
      return new SecretDocument(stat.mtime.toISOString(), secret);
    } finally {
      buffer.fill(0);
      await file.close();
    }
  }

  /** Readable by its owner only. It is there whole, or not at all. */
  async create(reference: SecretReference, secret: Secret): Promise<void> {
    const draft = `${reference.name}.${randomUUID()}.draft`;
    const bytes = secret.bytes();
    try {
      await mkdir(dirname(reference.name), { recursive: true, mode: 0o700 });
      await writeFile(draft, bytes, { mode: 0o600, flush: true });
      // Unlike a renaming it fails where there is one.
      await link(draft, reference.name);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw unavailable(reference, code === 'EEXIST' ? THERE_ALREADY : (code ?? 'cannot be written'), cause);
    } finally {
      bytes.fill(0);
      await rm(draft, { force: true });
    }
  }

  watch(reference: SecretReference, changed: () => void): (() => void) | null {
    let timer: NodeJS.Timeout | null = null;
    let watcher: FSWatcher;
    try {
      watcher = watch(dirname(reference.name), { persistent: false }, () => {
        timer ??= setTimeout(() => {
          timer = null;
          changed();
        }, SETTLE_MS).unref();
      });
    } catch {
      // No such directory yet, or no watches left: the schedule finds the change.
      return null;
    }
    const end = (): void => {
      if (timer !== null) clearTimeout(timer);
      this.watchers.delete(watcher);
      watcher.close();
    };
    // The directory may be taken away; what is read next says so.
    watcher.on('error', end);
    this.watchers.add(watcher);
    return end;
  }

  async close(): Promise<void> {
    for (const watcher of this.watchers) watcher.close();
    this.watchers.clear();
  }
}

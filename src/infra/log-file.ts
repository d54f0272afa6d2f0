import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const LOG_BYTES_MAX = 16 * 1024 * 1024;
const TAIL_BYTES_MAX = 4_096;

/**
 * What a process of ours printed, bounded: at `bytesMax` the file becomes `<path>.1` in place of the one before, so that at
 * most twice that much is kept.
 */
export class LogFile {
  readonly path: string;
  readonly #bytesMax: number;
  #descriptor: number;
  #bytes: number;
  #open = true;

  constructor(path: string, bytesMax: number = LOG_BYTES_MAX) {
    mkdirSync(dirname(path), { recursive: true });
    this.path = path;
    this.#bytesMax = bytesMax;
    this.#descriptor = openSync(path, 'a');
    this.#bytes = fstatSync(this.#descriptor).size;
  }

  append(chunk: string | Uint8Array): void {
    if (!this.#open) return; // the last words of a process that outlived our patience
    const bytes = Buffer.from(chunk);
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#bytesMax) this.#turnOver();
    writeSync(this.#descriptor, bytes);
    this.#bytes += bytes.length;
  }

  /** The last whole lines, for an error message. */
  tail(linesMax = 15): readonly string[] {
    const text = readFileSync(this.path).subarray(-TAIL_BYTES_MAX).toString('utf8');
    return text.trimEnd().split('\n').slice(-linesMax);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }

  #turnOver(): void {
    closeSync(this.#descriptor);
    renameSync(this.path, `${this.path}.1`);
    this.#descriptor = openSync(this.path, 'a');
    this.#bytes = 0;
  }
}

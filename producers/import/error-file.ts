import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { PostlaneError } from '../../src/domain/error.ts';

/** A row that was not imported; a line of the error file. */
export interface BadLine {
  readonly line: number;
  /** One of a closed list. */
  readonly problem: string;
  readonly detail: string;
  /** The row as it stands in the file. */
  readonly text: string;
}

/**
 * Bad rows as NDJSON, each exactly once: what was written behind the length that a checkpoint knows is cut off when it is opened,
 * for those rows are read again.
 */
export class ErrorFile {
  private readonly file: FileHandle;
  private bytes: number;

  private constructor(file: FileHandle, bytes: number) {
    this.file = file;
    this.bytes = bytes;
  }

  /** Throws CONFIG_INVALID where it cannot be written, or is shorter than it was. */
  static async open(path: string, bytes: number): Promise<ErrorFile> {
    let file: FileHandle | null = null;
    try {
      file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      if ((await file.stat()).size < bytes) throw new Error(`it has had ${bytes} bytes, and has fewer now`);
      await file.truncate(bytes);
      return new ErrorFile(file, bytes);
    } catch (cause) {
      await file?.close();
      throw new PostlaneError('CONFIG_INVALID', { what: 'the file for errors cannot be used', file: path }, { cause });
    }
  }

  async write(bad: readonly BadLine[]): Promise<void> {
    if (bad.length === 0) return;
    const text = Buffer.from(bad.map((line) => `${JSON.stringify(line)}\n`).join(''));
    for (let at = 0; at < text.length; ) {
      at += (await this.file.write(text, at, text.length - at, this.bytes + at)).bytesWritten;
    }
    this.bytes += text.length;
  }

  /** Settles when all that was written is on disk; answers how long the file is. */
  async sync(): Promise<number> {
    await this.file.datasync();
    return this.bytes;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import { claim, lives, type ProcessRecord, readRecord, recordOf } from './ownership.ts';
import { replaceFile } from './replace-file.ts';
import { waitFor } from './wait.ts';

const LEFTOVER_DEADLINE_MS = 10_000;

/**
 * The memory of one data directory: who owns it, and which processes its owner started. An owner that was killed leaves
 * its records; the next one ends what they still name.
 */
export class ProcessRecords {
  readonly #ownerPath: string;
  readonly #directory: string;

  private constructor(dataDirectory: string, directory: string) {
    this.#ownerPath = ownerPath(dataDirectory);
    this.#directory = directory;
  }

  /**
   * Makes this process the owner of a data directory and ends what an earlier owner left behind.
   * Throws INFRA_UNAVAILABLE while another owner lives.
   */
  static async claim(dataDirectory: string): Promise<ProcessRecords> {
    const directory = join(dataDirectory, 'processes');
    await mkdir(directory, { recursive: true });
    const owner = await claim(ownerPath(dataDirectory));
    if (owner !== undefined) {
      throw new PostlaneError('INFRA_UNAVAILABLE', {
        what: 'the data directory: a running process uses it',
        dataDirectory,
        pid: owner.pid,
        hint: 'stop that process, or name another directory with --data',
      });
    }
    const records = new ProcessRecords(dataDirectory, directory);
    await records.#endLeftovers();
    return records;
  }

  /** Remembers a process that was just started. */
  async add(name: string, pid: number, command: string): Promise<void> {
    const record = await recordOf(pid, command);
    if (record !== undefined) await replaceFile(this.#path(name), `${JSON.stringify(record)}\n`);
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  /** Gives the directory up. */
  async release(): Promise<void> {
    await rm(this.#ownerPath, { force: true });
  }

  #path(name: string): string {
    return join(this.#directory, `${name}.json`);
  }

  async #endLeftovers(): Promise<void> {
    const files = await readdir(this.#directory);
    await Promise.all(
      files.map(async (file) => {
        const record = await readRecord(join(this.#directory, file));
        if (record !== undefined) await endProcess(record);
        await rm(join(this.#directory, file), { force: true });
      }),
    );
  }
}

const ownerPath = (dataDirectory: string): string => join(dataDirectory, 'owner');

async function endProcess(record: ProcessRecord): Promise<void> {
  if (!(await lives(record))) return;
  try {
    process.kill(record.pid, 'SIGKILL');
  } catch {
    return; // it ended by itself in between
  }
  const gone = async () => ((await lives(record)) ? undefined : true);
  await waitFor(`the end of process ${record.pid}, left by an earlier run`, gone, { deadlineMs: LEFTOVER_DEADLINE_MS });
}

import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import { identityOf } from './process-identity.ts';

const ATTEMPTS_MAX = 20;

/** Names one process for ever, also after its number was given to another. */
export interface ProcessRecord {
  readonly pid: number;
  readonly startedAt: string;
  /** File name of the program: start times are coarse, so a number reused within one tick is told apart by it. */
  readonly program: string;
}

/** The record of a living process; `undefined` where it is gone already. */
export async function recordOf(pid: number, command: string): Promise<ProcessRecord | undefined> {
  const identity = await identityOf(pid);
  return identity && { pid, startedAt: identity.startedAt, program: basename(command) };
}

/** The record in a file; `undefined` where there is none, or one cut short by a crash: nothing to act on. */
export async function readRecord(path: string): Promise<ProcessRecord | undefined> {
  try {
    const { pid, startedAt, program } = JSON.parse(await readFile(path, 'utf8')) as Partial<ProcessRecord>;
    if (typeof pid !== 'number' || typeof startedAt !== 'string' || typeof program !== 'string') return undefined;
    return Number.isInteger(pid) && pid > 1 ? { pid, startedAt, program } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether this very process still runs. */
export async function lives(record: ProcessRecord): Promise<boolean> {
  const identity = await identityOf(record.pid);
  return identity?.startedAt === record.startedAt && identity.command.includes(record.program);
}

/**
 * Makes this process the owner of what `path` stands for, until it deletes the file or dies. Answers the living owner
 * where there is one, else `undefined`: it is ours.
 */
export async function claim(path: string): Promise<ProcessRecord | undefined> {
  const self = await recordOf(process.pid, '');
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      await writeFile(path, JSON.stringify(self), { flag: 'wx' });
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await readRecord(path);
    if (owner !== undefined && (await lives(owner))) return owner;
    await rm(path, { force: true });
  }
  throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'a claim that others keep taking', path });
}

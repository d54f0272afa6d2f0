import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostlaneError } from '../domain/error.ts';
import { identityOf } from './process-identity.ts';

const ATTEMPTS_MAX = 100;
const TURN_DELAY_MS = 10;

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
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(await recordOf(process.pid, '')));
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      // A link appears with its content or not at all: nobody can read our claim half written, and take it for stale.
      if (await linked(draft, path)) return undefined;
      const owner = await readRecord(path);
      if (owner !== undefined && (await lives(owner))) return owner;
      await removeStale(path, draft);
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'a claim that others keep taking', path });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the claim of a dead owner, one process at a time: between reading that it is stale and removing it, another could
 * have put its own in that place. Whoever does not get the turn comes back a little later.
 */
async function removeStale(path: string, draft: string): Promise<void> {
  const turn = `${path}.turn`;
  if (await linked(draft, turn)) {
    try {
      const owner = await readRecord(path);
      if (owner === undefined || !(await lives(owner))) await rm(path, { force: true });
    } finally {
      await rm(turn, { force: true });
    }
    return;
  }
  const holder = await readRecord(turn);
  if (holder !== undefined && !(await lives(holder))) await rm(turn, { force: true });
  await sleep(TURN_DELAY_MS);
}

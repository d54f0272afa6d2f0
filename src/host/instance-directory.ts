import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import { identityOf } from '../infra/process-identity.ts';

/** More processes of one role than this do not run on one machine. */
const INSTANCES_MAX = 1_000;
const ID_BYTES = 8;
const CLAIM = /^owner\.(\d+)$/;

/** A directory that no other living process has, and a name for whoever has it that no other directory has. */
export interface InstanceDirectory {
  readonly path: string;
  /** The same for every owner of the directory, one after the other. */
  readonly id: string;
  release(): Promise<void>;
}

/**
 * A directory for a process's local stores: `<state>/<role>-<n>`, the lowest n that is free. A store is a cache, so which one
 * a restarted process gets does not matter; the same one is the quickest.
 */
export async function claimInstanceDirectory(stateDirectory: string, role: string): Promise<InstanceDirectory> {
  const own = await identityOf(process.pid);
  const mark = `${process.pid} ${own?.startedAt ?? ''}`;
  for (let n = 1; n <= INSTANCES_MAX; n++) {
    const path = join(stateDirectory, `${role}-${n}`);
    await mkdir(path, { recursive: true });
    const claim = await take(path, mark);
    if (claim === null) continue;
    return { path, id: await idOf(path), release: () => rm(claim, { force: true }) };
  }
  throw new PostlaneError('STORE_UNAVAILABLE', { what: 'a directory of its own for a process', role, stateDirectory });
}

/** Claims one directory, which is made where it is not there. Null while another living process has it; else what gives it back. */
export async function claimDirectory(path: string): Promise<(() => Promise<void>) | null> {
  const own = await identityOf(process.pid);
  await mkdir(path, { recursive: true });
  const claim = await take(path, `${process.pid} ${own?.startedAt ?? ''}`);
  return claim === null ? null : () => rm(claim, { force: true });
}

/**
 * Claims are numbered files, and the highest one holds. A dead owner's is not removed but outbid: of all who see it dead,
 * one alone can make the next number. Who made a number that was outbid meanwhile has lost.
 */
async function take(path: string, mark: string): Promise<string | null> {
  const highest = await highestClaim(path);
  if (highest > 0 && (await isAlive(claimOf(path, highest)))) return null;
  const claim = claimOf(path, highest + 1);
  try {
    await writeFile(claim, mark, { flag: 'wx' });
  } catch {
    return null;
  }
  if ((await highestClaim(path)) !== highest + 1) {
    await rm(claim, { force: true });
    return null;
  }
  for (const older of await claims(path)) if (older <= highest) await rm(claimOf(path, older), { force: true });
  return claim;
}

const claimOf = (path: string, number: number): string => join(path, `owner.${number}`);

async function claims(path: string): Promise<readonly number[]> {
  const names = await readdir(path);
  return names.flatMap((name) => {
    const number = CLAIM.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

const highestClaim = async (path: string): Promise<number> => Math.max(0, ...(await claims(path)));

async function isAlive(claim: string): Promise<boolean> {
  const [pid = '', startedAt = ''] = (await readFile(claim, 'utf8').catch(() => '')).split(' ');
  // Made, and not written yet: somebody is just taking it.
  if (pid === '') return true;
  const identity = await identityOf(Number(pid));
  return identity !== undefined && identity.startedAt === startedAt;
}

async function idOf(path: string): Promise<string> {
  const file = join(path, 'id');
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known.length === 2 * ID_BYTES) return known;
  const id = randomBytes(ID_BYTES).toString('hex');
  await writeFile(file, id);
  return id;
}

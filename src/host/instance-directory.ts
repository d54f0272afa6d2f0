import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import { identityOf } from '../infra/process-identity.ts';

/** More processes of one role than this do not run on one machine. */
const INSTANCES_MAX = 1_000;

/**
 * A directory for a process's local stores that no other living process has: `<state>/<role>-<n>`, the lowest n that is
 * free. A store is a cache, so which one a restarted process gets does not matter; the same one is the quickest.
 */
export async function claimInstanceDirectory(
  stateDirectory: string,
  role: string,
): Promise<{ readonly path: string; release(): Promise<void> }> {
  const own = await identityOf(process.pid);
  const mark = `${process.pid} ${own?.startedAt ?? ''}`;
  for (let n = 1; n <= INSTANCES_MAX; n++) {
    const path = join(stateDirectory, `${role}-${n}`);
    await mkdir(path, { recursive: true });
    const lock = join(path, 'owner');
    if (!(await take(lock, mark))) continue;
    return { path, release: () => rm(lock, { force: true }) };
  }
  throw new PostlaneError('STORE_UNAVAILABLE', { what: 'a directory of its own for a process', role, stateDirectory });
}

async function take(lock: string, mark: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await writeFile(lock, mark, { flag: 'wx' });
      return true;
    } catch {
      if (await isAlive(lock)) return false;
      // Its owner was killed. Removing may race with another taker: the exclusive write decides between us.
      await rm(lock, { force: true });
    }
  }
  return false;
}

async function isAlive(lock: string): Promise<boolean> {
  const [pid = '', startedAt = ''] = (await readFile(lock, 'utf8').catch(() => '')).split(' ');
  const identity = await identityOf(Number(pid));
  return identity !== undefined && identity.startedAt === startedAt;
}

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const PS_TIMEOUT_MS = 5_000;
/** Field 22 of /proc/<pid>/stat, counted after the parenthesised name, which is field 2 and may hold spaces. */
const START_TIME_INDEX = 22 - 3;

/** What tells one process from a later one with the same number. */
export interface ProcessIdentity {
  /** Opaque; equal for the same process only. Survives `exec`. */
  readonly startedAt: string;
  /** The command line as it is now. */
  readonly command: string;
}

/** Who has this process number now; `undefined` where nobody has, or only a dead one that nobody has waited for. */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  return process.platform === 'linux' ? identityFromProc(pid) : identityFromPs(pid);
}

async function identityFromProc(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const [stat, commandLine, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[START_TIME_INDEX]];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
    return { startedAt: `${boot.trim()}/${startTicks}`, command: commandLine.replaceAll('\0', ' ').trim() };
  } catch {
    return undefined; // no such process
  }
}

async function identityFromPs(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const options = { timeout: PS_TIMEOUT_MS, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } };
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=,command=', '-p', String(pid)], options);
    const match = /^(\S+)\s+(\w{3} \w{3}\s+\d+ [\d:]+ \d{4})\s+(.*)$/s.exec(stdout.trim());
    if (match === null || match[1]?.startsWith('Z')) return undefined;
    return { startedAt: String(match[2]), command: String(match[3]) };
  } catch {
    return undefined;
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Linux counts a process's time in hundredths of a second, whatever its own tick is (USER_HZ). */
const TICK_MS = 10;
/** Fields 14 and 15 of /proc/<pid>/stat, counted after the parenthesised name, which is field 2. */
const USER_TIME_INDEX = 14 - 3;
const SYSTEM_TIME_INDEX = 15 - 3;
const KIBIBYTE = 1_024;
const END_DEADLINE_MS = 10_000;

/** CPU time that the process has used in all of its threads, in ms. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME_INDEX]) + Number(fields[SYSTEM_TIME_INDEX])) * TICK_MS;
}

/** Memory of its own that the process has resident, in bytes: not what it maps from files. */
export function anonymousBytesOf(pid: number): number {
  const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (!found) throw new Error(`/proc/${pid}/status has no RssAnon`);
  return Number(found[1]) * KIBIBYTE;
}

/** All memory that the process has resident, in bytes, at most so far; null where it is gone. */
export function residentBytesOf(pid: number): number | null {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return found ? Number(found[1]) * KIBIBYTE : null;
  } catch {
    return null;
  }
}

export type CpuTimes = Readonly<Record<string, number>>;

/** CPU time of every process by name, in ms. */
export const cpuTimes = (pids: Readonly<Record<string, number>>): CpuTimes =>
  Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMsOf(pid)]));

export const cpuSince = (before: CpuTimes, after: CpuTimes): CpuTimes =>
  Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, ms - (before[name] ?? 0)]));

/** A process of the bench that does one thing after the other, as it is told. It ends when the bench does. */
export class Helper<Request extends object, Answer> {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts `file` of this folder with what it has to know, and returns when it is ready. */
  static async start<Request extends object, Answer>(
    file: string,
    settings: object,
    begun: (pid: number) => void = () => undefined,
  ): Promise<Helper<Request, Answer>> {
    const helper = new Helper<Request, Answer>(
      fork(join(import.meta.dirname, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    begun(helper.pid);
    await helper.exchange(settings);
    return helper;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  ask(request: Request): Promise<Answer> {
    return this.exchange(request) as Promise<Answer>;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
  }

  private exchange(message: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.child.off('message', answered);
        this.child.off('exit', ended);
      };
      const answered = (answer: unknown): void => {
        settle();
        resolve(answer);
      };
      const ended = (status: number | null): void => {
        settle();
        reject(new Error(`a process of the bench ended with ${status}`));
      };
      this.child.once('message', answered);
      this.child.once('exit', ended);
      this.child.send(message);
    });
  }
}

/** The other side of a `Helper`: `prepare` is told the settings and answers how to serve and how to end. */
export function serve<Settings, Request, Answer>(
  prepare: (settings: Settings) => Promise<{ answer(request: Request): Promise<Answer>; close(): Promise<void> }>,
): void {
  const send = (answer: unknown): void => void process.send?.(answer);
  process.once('message', async (settings: Settings) => {
    const { answer, close } = await prepare(settings);
    process.on('message', async (request: Request) => send(await answer(request)));
    process.once('disconnect', () => void close().finally(() => process.exit(0)));
    send({ ready: true });
  });
}

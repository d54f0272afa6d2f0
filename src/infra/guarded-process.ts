import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { type Environment, OWN_SESSION_VARIABLE } from '../config/environment.ts';
import { PostlaneError } from '../domain/error.ts';
import type { LogFile } from './log-file.ts';
import type { ProcessRecords } from './process-records.ts';

const REPORT_DEADLINE_MS = 10_000;
const KILL_DEADLINE_MS = 5_000;
const LAST_WORDS_MS = 200;
const SIGNAL_EXIT_BASE = 128;

/**
 * The guard: a shell between us and the process. Its standard input is a pipe that we hold and never write to, so that it
 * ends exactly when we do, however we end; then the guard kills its process group, which is the process with all it started.
 * It reports the process number through descriptor 3. Signals to the guard itself are ignored (not by the process, which
 * gets default handlers): only what the process does decides when the guard ends.
 */
const GUARD = `
trap : TERM INT HUP
exec 4<&0 0</dev/null
"$@" 3>&- 4<&- &
process=$!
echo "$process" >&3
exec 3>&-
{ trap - TERM; read -r line <&4; kill -KILL 0; } &
watch=$!
exec 4<&-
while :; do
  wait "$process"
  status=$?
  kill -0 "$process" 2>/dev/null || break
done
kill "$watch" 2>/dev/null
exit "$status"
`;

export interface Exit {
  /** Exit status, or `null` where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GuardedOptions {
  /** Unique among the processes of one data directory. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly workingDirectory?: string;
  /** Both outputs go there. */
  readonly log: LogFile;
  /** Where the process is remembered, for the case that neither we nor the guard survive. */
  readonly records?: ProcessRecords;
  /** Sees what is printed as well. */
  readonly watch?: (text: string) => void;
}

/** A process that cannot outlive the one that started it, not even where that one is killed. */
export interface GuardedProcess {
  readonly name: string;
  /** Of the process itself, not of its guard. */
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** `false` where it is gone. */
  signal(signal: NodeJS.Signals): boolean;
  /** SIGTERM, and SIGKILL where it is still there after `withinMs`. Idempotent. */
  stop(options: { readonly withinMs: number }): Promise<Exit>;
}

/** Starts a process under a guard. Throws INFRA_UNAVAILABLE where not even the guard starts; a command that does not exist exits with 127. */
export async function startGuarded(options: GuardedOptions): Promise<GuardedProcess> {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', options.command, ...options.args], {
    cwd: options.workingDirectory,
    env: { ...options.environment, [OWN_SESSION_VARIABLE]: '1' },
    // Its own session: a Ctrl-C at the terminal is ours to handle, and must not reach it behind our back.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const exited = exitOf(guard, options);
  for (const output of [guard.stdout, guard.stderr]) {
    output?.on('data', (chunk: Buffer) => {
      options.log.append(chunk);
      options.watch?.(chunk.toString('utf8'));
    });
  }
  // The lifeline of a process that has just died may break; nothing is ever written to it.
  guard.stdin?.on('error', () => undefined);
  const pid = await reportedPid(guard, options.name);
  await options.records?.add(options.name, pid, options.command);
  return { name: options.name, pid, exited, ...controls(guard, pid, exited) };
}

function controls(guard: ChildProcess, pid: number, exited: Promise<Exit>): Pick<GuardedProcess, 'signal' | 'stop'> {
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  const signal = (name: NodeJS.Signals) => !gone && send(pid, name);
  return {
    signal,
    async stop({ withinMs }) {
      signal('SIGTERM');
      signal('SIGCONT'); // a stopped process would not even see the SIGTERM
      const exit = await within(exited, withinMs);
      if (exit !== undefined) return exit;
      if (guard.pid !== undefined) send(-guard.pid, 'SIGKILL');
      const killed = await within(exited, KILL_DEADLINE_MS);
      if (killed === undefined)
        throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'the end of a killed process', pid });
      return killed;
    },
  };
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // gone
  }
}

/** The answer, or `undefined` after `timeoutMs`. */
async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function exitOf(guard: ChildProcess, options: GuardedOptions): Promise<Exit> {
  return new Promise((resolve) => {
    guard.once('error', () => resolve({ status: null, signal: null }));
    guard.once('exit', async (code, guardSignal) => {
      // Its last words may still be in the pipes; but whoever inherited them may hold them open for long.
      const drained = new Promise((done) => guard.once('close', done));
      await Promise.all([within(drained, LAST_WORDS_MS), options.records?.remove(options.name)]);
      const number = (code ?? 0) - SIGNAL_EXIT_BASE;
      const signal = guardSignal ?? signalNames.get(number) ?? null;
      resolve({ status: signal === null ? code : null, signal });
    });
  });
}

const signalNames: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

function reportedPid(guard: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const report = guard.stdio[3] as Readable;
    let text = '';
    const fail = (cause: unknown) => {
      clearTimeout(timer);
      if (guard.pid !== undefined) send(-guard.pid, 'SIGKILL');
      reject(new PostlaneError('INFRA_UNAVAILABLE', { what: `starting ${name}` }, { cause }));
    };
    const timer = setTimeout(fail, REPORT_DEADLINE_MS, new Error('the guard did not report'));
    guard.once('error', fail);
    report.on('error', fail);
    report.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    report.once('end', () => {
      clearTimeout(timer);
      const pid = Number(text);
      if (Number.isInteger(pid) && pid > 1) resolve(pid);
      else fail(new Error(`the guard reported "${text}"`));
    });
  });
}

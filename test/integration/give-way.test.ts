import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/infra/package-root.ts';

/** SCHED_OTHER and SCHED_IDLE: field 41 of /proc/<pid>/stat (proc(5)). */
const [OTHER, IDLE] = ['0', '5'];
const MODULE = join(packageRoot(), 'src', 'infra', 'give-way.ts');

/** What a process that gives way says of itself: what it lacks, its policy and niceness, and those of its other threads. */
function afterGivingWay(
  deference: string,
  environment: Readonly<Record<string, string>> = {},
  options: { readonly ownSession?: boolean } = {},
) {
  const program = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    const { giveWay } = await import(${JSON.stringify(MODULE)});
    const lacking = giveWay(${deference}, ${JSON.stringify(options)});
    const policies = readdirSync('/proc/self/task').map((thread) =>
      readFileSync('/proc/self/task/' + thread + '/stat', 'utf8').replace(/^.*\\) /, '').split(' ')[38]);
    let session = null;
    try { session = Number(readFileSync('/proc/self/autogroup', 'utf8').split(' nice ')[1]); } catch {}
    console.log(JSON.stringify({ lacking, niceness: getPriority(), policies: [...new Set(policies)], session }));`;
  // Each in a session of its own, so that ours stays as it is.
  const args = ['--wait', process.execPath, '--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync('/usr/bin/setsid', args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as {
    readonly lacking: string | null;
    readonly niceness: number;
    readonly policies: string[];
    /** Niceness of the session; null where the kernel knows none. */
    readonly session: number | null;
  };
}

describe('a process that gives way', () => {
  const session = (niceness: number) => (existsSync('/proc/self/autogroup') ? niceness : null);
  const own = Number(
    readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[16],
  );

  it('does so by niceness', () => {
    expect(afterGivingWay(String(Math.max(own, 7)))).toEqual({
      lacking: null,
      niceness: Math.max(own, 7),
      policies: [OTHER],
      session: session(0),
    });
  });

  it('runs with all its threads only when nothing else wants to', () => {
    expect(afterGivingWay("'idle'")).toEqual({ lacking: null, niceness: own, policies: [IDLE], session: session(0) });
  });

  it('lets its session give way, where that is its own', () => {
    expect(afterGivingWay("'idle'", {}, { ownSession: true })).toMatchObject({ lacking: null, session: session(19) });
    const niceness = Math.max(own, 7);
    expect(afterGivingWay(String(niceness), {}, { ownSession: true })).toMatchObject({
      niceness,
      session: session(niceness),
    });
  });

  it('gives way by niceness alone, and says so, where the policy cannot be set', () => {
    const found = afterGivingWay("'idle'", { PATH: '/nowhere' });
    expect(found).toMatchObject({ niceness: 19, policies: [OTHER] });
    expect(found.lacking).toContain('chrt');
  });
});

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/infra/package-root.ts';

/** SCHED_OTHER and SCHED_IDLE: field 41 of /proc/<pid>/stat (proc(5)). */
const [OTHER, IDLE] = ['0', '5'];
const MODULE = join(packageRoot(), 'src', 'infra', 'give-way.ts');

/** What a process that gives way says of itself: what it lacks, its policy and niceness, and those of its other threads. */
function afterGivingWay(deference: string, environment: Readonly<Record<string, string>> = {}) {
  const program = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { getPriority } from 'node:os';
    const { giveWay } = await import(${JSON.stringify(MODULE)});
    const lacking = giveWay(${deference});
    const policies = readdirSync('/proc/self/task').map((thread) =>
      readFileSync('/proc/self/task/' + thread + '/stat', 'utf8').replace(/^.*\\) /, '').split(' ')[38]);
    console.log(JSON.stringify({ lacking, niceness: getPriority(), policies: [...new Set(policies)] }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as {
    readonly lacking: string | null;
    readonly niceness: number;
    readonly policies: string[];
  };
}

describe('a process that gives way', () => {
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
    });
  });

  it('runs with all its threads only when nothing else wants to', () => {
    expect(afterGivingWay("'idle'")).toEqual({ lacking: null, niceness: own, policies: [IDLE] });
  });

  it('gives way by niceness alone, and says so, where the policy cannot be set', () => {
    const found = afterGivingWay("'idle'", { PATH: '/nowhere' });
    expect(found).toMatchObject({ niceness: 19, policies: [OTHER] });
    expect(found.lacking).toContain('chrt');
  });
});

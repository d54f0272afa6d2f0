import type { CliContext } from '../../../src/cli/context.ts';
import type { RoleContext, RoleDefinition, RunningRole } from '../../../src/cli/roles.ts';
import { RunProgress, runRoles } from '../../../src/cli/run-roles.ts';

const DRAIN_MS = 1_000;

function stage(definitions: Readonly<Record<string, (events: string[]) => RunningRole | Promise<RunningRole>>>) {
  const events: string[] = [];
  const interruption = new AbortController();
  const roles: Record<string, RoleDefinition> = {};
  for (const [name, start] of Object.entries(definitions)) {
    roles[name] = { summary: name, start: async () => start(events) };
  }
  const context: CliContext = {
    environment: {},
    workingDirectory: '/nowhere',
    self: ['node', 'main.ts'],
    print: () => undefined,
    tell: () => undefined,
    roles,
    interrupted: interruption.signal,
    setExitStatus: () => undefined,
  };
  const telemetry = { log: (_: string, message: string) => void events.push(message) };
  const run = (...names: string[]) =>
    runRoles(context, {
      names,
      roleContext: {} as RoleContext,
      drainMs: DRAIN_MS,
      progress: new RunProgress(),
      telemetry,
    });
  return { events, interruption, run };
}

const stopping = (events: string[], name: string, dead?: Promise<Error>): RunningRole => ({
  dead,
  stop: async (options) => {
    events.push(`${name} stops within ${options?.withinMs}`);
  },
});

describe('runRoles', () => {
  it('starts roles in order and, when asked to end, stops the last one first', async () => {
    const { events, interruption, run } = stage({
      router: (seen) => stopping(seen, 'router'),
      worker: (seen) => {
        queueMicrotask(() => interruption.abort());
        return stopping(seen, 'worker');
      },
    });
    await run('router', 'worker');
    expect(events).toEqual([
      'router runs',
      'worker runs',
      'draining',
      'worker stops within 1000',
      'router stops within 1000',
    ]);
  });

  it('drains all and fails when one dies', async () => {
    const died = new Error('the consumer crashed');
    const { events, run } = stage({
      router: (seen) => stopping(seen, 'router'),
      worker: (seen) => stopping(seen, 'worker', Promise.resolve(died)),
    });
    await expect(run('router', 'worker')).rejects.toMatchObject({ code: 'STOPPED', cause: died });
    expect(events).toEqual(expect.arrayContaining(['worker stops within 1000', 'router stops within 1000']));
  });

  it('stops what it started when a later role does not start', async () => {
    const { events, run } = stage({
      router: (seen) => stopping(seen, 'router'),
      worker: () => Promise.reject(new Error('no broker')),
    });
    await expect(run('router', 'worker')).rejects.toThrow('no broker');
    expect(events).toContain('router stops within 1000');
  });

  it('stops the others although one cannot stop, and fails', async () => {
    const { events, interruption, run } = stage({
      router: (seen) => stopping(seen, 'router'),
      worker: () => {
        queueMicrotask(() => interruption.abort());
        return { stop: () => Promise.reject(new Error('stuck')) };
      },
    });
    await expect(run('router', 'worker')).rejects.toThrow('stuck');
    expect(events).toContain('router stops within 1000');
  });

  it('starts nothing where a name is unknown', async () => {
    const { events, run } = stage({ router: (seen) => stopping(seen, 'router') });
    await expect(run('router', 'toString')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(events).toEqual([]);
  });
});

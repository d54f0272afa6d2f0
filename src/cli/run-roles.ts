import { PostlaneError } from '../domain/error.ts';
import type { Telemetry } from '../runtime/ports.ts';
import type { CliContext } from './context.ts';
import type { RoleContext, RoleDefinition, RunningRole } from './roles.ts';

export interface RunRolesOptions {
  readonly names: readonly string[];
  readonly roleContext: RoleContext;
  /** How long a drain may take; what is in flight then is given up. */
  readonly drainMs: number;
  /** Told where it stands, for /healthz and /readyz. */
  readonly progress: RunProgress;
  readonly telemetry: Pick<Telemetry, 'log'>;
}

/** Where a process stands with its roles. */
export class RunProgress {
  readonly running = new Map<string, RunningRole>();
  phase: 'starting' | 'running' | 'stopping' = 'starting';
  death: unknown;
}

/**
 * Runs roles in this process until it is asked to end or one of them dies, then stops them all, the last started first.
 * Throws what a role died of, after the others have drained.
 */
export async function runRoles(context: CliContext, options: RunRolesOptions): Promise<void> {
  const definitions = options.names.map((name) => [name, definitionOf(context, name)] as const);
  const { progress, telemetry } = options;
  try {
    for (const [name, definition] of definitions) {
      if (context.interrupted.aborted) break;
      progress.running.set(name, await definition.start(options.roleContext));
      telemetry.log('info', `${name} runs`);
    }
    progress.phase = 'running';
    progress.death = await firstDeath(progress.running, context.interrupted);
  } catch (error) {
    progress.death = error;
  }
  progress.phase = 'stopping';
  if (progress.death === undefined) telemetry.log('info', 'draining');
  else telemetry.log('error', 'draining, because a role ended', { cause: String(progress.death) });
  const failures = await stopAll(progress.running, options.drainMs);
  if (progress.death !== undefined) throw progress.death;
  if (failures.length > 0) throw failures[0];
}

function definitionOf(context: CliContext, name: string): RoleDefinition {
  const definition = Object.hasOwn(context.roles, name) ? context.roles[name] : undefined;
  if (definition !== undefined) return definition;
  const known = Object.keys(context.roles).join(', ');
  throw new PostlaneError('CONFIG_INVALID', { what: `there is no role ${name}`, roles: known || 'none' });
}

/** What a role died of; `undefined` when the process is asked to end. */
function firstDeath(running: ReadonlyMap<string, RunningRole>, interrupted: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (interrupted.aborted) resolve(undefined);
    interrupted.addEventListener('abort', () => resolve(undefined), { once: true });
    for (const [name, role] of running) {
      void role.dead?.then((cause) => resolve(new PostlaneError('STOPPED', { what: `role ${name} died` }, { cause })));
    }
  });
}

async function stopAll(running: ReadonlyMap<string, RunningRole>, drainMs: number): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  for (const [name, role] of [...running].toReversed()) {
    try {
      await withDeadline(role.stop({ withinMs: drainMs }), drainMs + GRACE_MS, name);
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

/** Closing connections after the drain's own deadline. */
const GRACE_MS = 5_000;

async function withDeadline(stopping: Promise<void>, deadlineMs: number, name: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new PostlaneError('STOPPED', { what: `role ${name} did not stop in time`, deadlineMs });
    timer = setTimeout(reject, deadlineMs, error);
  });
  try {
    await Promise.race([stopping, late]);
  } finally {
    clearTimeout(timer);
  }
}

import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/types.ts';
import type { Stoppable } from '../runtime/ports.ts';

/** What a role is started with. Its options of the command line come with the command's name, e.g. `queues`. */
export interface RoleContext {
  readonly config: Config;
  readonly environment: Environment;
  readonly queues: readonly string[] | null;
}

/** A role that runs. */
export interface RunningRole extends Stoppable {
  /** Settles when it cannot go on (its consumer died for good): the process drains and ends with a failure. */
  readonly dead?: Promise<Error>;
}

export interface RoleDefinition {
  /** One line for `--help`. */
  readonly summary: string;
  start(context: RoleContext): Promise<RunningRole>;
}

/** Every role by name. A role's code is loaded when it is started, so that no other command pays for it. */
export const roles: Readonly<Record<string, RoleDefinition>> = {};

import type { Environment } from '../config/environment.ts';
import type { RoleDefinition } from './roles.ts';

/** What a command may touch of the process it runs in: nothing of it is reached for elsewhere. */
export interface ProcessContext {
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Command line with which this program starts itself again: the Node that runs, and the file that it was given. */
  readonly self: readonly [node: string, entry: string];
  /** Standard output: results only, so that they can be piped. */
  readonly print: (text: string) => void;
  /** Standard error: progress and complaints. */
  readonly tell: (line: string) => void;
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: (question: string) => Promise<string>;
  readonly roles: Readonly<Record<string, RoleDefinition>>;
  /** Aborted when the process is asked to end (SIGINT, SIGTERM). A second time ends it at once. */
  readonly interrupted: AbortSignal;
}

/** What a command is given. */
export interface CliContext extends ProcessContext {
  /** Status with which the process ends; 0 unless a command says otherwise. */
  readonly setExitStatus: (status: number) => void;
}

import { resolve } from 'node:path';

/** Where `up` keeps what it makes, in the working directory. */
export const DATA_DIRECTORY = '.postlane';

/** The places inside a data directory. */
export interface DataLayout {
  /** Whose records: of the processes that run roles. */
  readonly root: string;
  /** Broker, registry and Redis. */
  readonly infra: string;
  /** One file per process. */
  readonly logs: string;
  /** Local stores of the roles, and keys made at first start. */
  readonly state: string;
  readonly ports: string;
}

export function dataLayout(directory: string): DataLayout {
  const root = resolve(directory);
  const inside = (name: string) => resolve(root, name);
  return {
    root,
    infra: inside('infra'),
    logs: inside('logs'),
    state: inside('state'),
    ports: inside('ports.json'),
  };
}

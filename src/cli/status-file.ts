import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import { lives, type ProcessRecord, recordOf } from '../infra/ownership.ts';
import type { RunningProcess } from '../infra/provider.ts';
import { replaceFile } from '../infra/replace-file.ts';

/** What `postlane up` started, and where to look. `null` for what is not there (yet). */
export interface Status {
  /** `host:port` of every broker. */
  readonly brokers: readonly string[];
  readonly schemaRegistry: string;
  readonly redis: string | null;
  readonly api: string | null;
  readonly metrics: string | null;
  readonly console: string | null;
  /** `host:port` at which the mailbox simulator takes mail. */
  readonly simulatorSmtp: string | null;
  readonly simulatorJournal: string | null;
  /** Name of the DNS record → its text, for every key that mail is signed with. */
  readonly dkimRecords: Readonly<Record<string, string>>;
  readonly processes: readonly RunningProcess[];
}

interface StatusFile {
  readonly owner: ProcessRecord;
  readonly status: Status;
  /** Identities of `status.processes`, so that a number that was given to another process is not taken for ours. */
  readonly records: readonly (ProcessRecord & { readonly role: string })[];
}

const pathIn = (dataDirectory: string): string => join(dataDirectory, 'status.json');

/** Writes what runs now under this process; a reader sees it whole. */
export async function writeStatus(dataDirectory: string, status: Status): Promise<void> {
  const owner = await recordOf(process.pid, '');
  const found = await Promise.all(
    status.processes.map(async ({ role, pid }) => {
      const record = await recordOf(pid, '');
      return record && { ...record, role };
    }),
  );
  const records = found.filter((record) => record !== undefined);
  await replaceFile(pathIn(dataDirectory), `${JSON.stringify({ owner, status, records }, null, 2)}\n`);
}

export async function removeStatus(dataDirectory: string): Promise<void> {
  await rm(pathIn(dataDirectory), { force: true });
}

/** What runs, with those of its processes that live now. Throws INFRA_UNAVAILABLE where `up` does not run. */
export async function readStatus(dataDirectory: string): Promise<Status> {
  const file = await parse(pathIn(dataDirectory));
  if (file === undefined || !(await lives(file.owner))) {
    throw new PostlaneError('INFRA_UNAVAILABLE', {
      what: 'nothing runs that was started with this data directory',
      dataDirectory,
      hint: 'npm start, or name another directory with --data',
    });
  }
  const living = await Promise.all(file.records.map(async (record) => ((await lives(record)) ? [record] : [])));
  const processes = living.flat().map(({ role, pid }) => ({ role, pid }));
  return { ...file.status, processes };
}

async function parse(path: string): Promise<StatusFile | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as StatusFile;
  } catch {
    return undefined; // never started, or ended in order
  }
}

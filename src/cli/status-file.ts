import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PostlaneError } from '../domain/error.ts';
import { lives, type ProcessRecord, recordOf } from '../infra/ownership.ts';
import type { RunningProcess } from '../infra/provider.ts';
import { replaceFile } from '../infra/replace-file.ts';
import type { LocalTopology } from './topology.ts';

/** What `postlane up` started, and where to look. `null` for what is not there (yet). */
export interface Status {
  /** `host:port` of every broker. */
  readonly brokers: readonly string[];
  readonly schemaRegistry: string;
  readonly redis: string | null;
  readonly api: string | null;
  /** `host:port` at which mails are handed in by SMTP. */
  readonly submission: string | null;
  /** Where each region takes mails in; the two above are the first one's. None: there are no regions. */
  readonly regions?: LocalTopology['regions'];
  /** Path of the certificate of our own making that it shows; `null`: one is configured. */
  readonly submissionCertificate: string | null;
  /** One per process of ours. */
  readonly metrics: readonly string[] | null;
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

/** Keeps the file current while we run: one writing after the other, however often things change, and none after the end. */
export class StatusPublisher {
  readonly #dataDirectory: string;
  readonly #status: () => Status;
  readonly #tell: (line: string) => void;
  #writing: Promise<void> = Promise.resolve();
  #pending = false;
  #ended = false;

  constructor(dataDirectory: string, status: () => Status, tell: (line: string) => void) {
    this.#dataDirectory = dataDirectory;
    this.#status = status;
    this.#tell = tell;
  }

  /** Something started or ended. */
  changed(): void {
    if (this.#pending || this.#ended) return;
    this.#pending = true;
    this.#writing = this.#writing.then(async () => {
      this.#pending = false;
      try {
        await writeStatus(this.#dataDirectory, this.#status());
      } catch (error) {
        this.#tell(`the status file cannot be written: ${String(error)}`);
      }
    });
  }

  /** Removes the file. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#writing;
    await rm(pathIn(this.#dataDirectory), { force: true });
  }
}

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

import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { PostlaneError } from '../../domain/error.ts';
import { startGuarded } from '../guarded-process.ts';
import { LogFile } from '../log-file.ts';
import { claim } from '../ownership.ts';
import { packageRoot } from '../package-root.ts';
import type { Progress } from '../provider.ts';
import { waitFor } from '../wait.ts';

const DOWNLOAD_DEADLINE_MS = 10 * 60_000;
const UNPACK_DEADLINE_MS = 2 * 60_000;
const PROGRESS_INTERVAL_MS = 3_000;
const STOP_DEADLINE_MS = 5_000;
/** The shell's exit status for it. */
const COMMAND_NOT_FOUND = 127;

export interface DownloadOptions {
  /** Kept between runs; Maven's own repository is a second cache, shared by all checkouts of a user. */
  readonly directory: string;
  readonly environment: Environment;
  readonly progress: Progress;
}

/** Folders of what the native infrastructure runs; each appears as soon as it is there. */
export interface Downloads {
  /** The broker's jars. */
  readonly kafka: Promise<string>;
  /** The unpacked registry. */
  readonly registry: Promise<string>;
}

/**
 * Fetches what is not there yet through Maven, one artifact after the other (two Mavens at once could harm the repository
 * they share), so that the broker can start while the registry is still on its way.
 */
export function download(options: DownloadOptions): Downloads {
  const versions = readVersions();
  const kafka = versions.then(({ kafka: version }) =>
    fetched(options, `kafka-${version}`, (folder, log) =>
      maven(options, log, `Apache Kafka ${version}`, ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`]),
    ),
  );
  const registry = versions.then(async ({ apicurio: version }) => {
    await kafka;
    return fetched(options, `apicurio-registry-${version}`, (folder, log) =>
      registryInto(folder, version, options, log),
    );
  });
  return { kafka, registry };
}

async function registryInto(folder: string, version: string, options: DownloadOptions, log: LogFile): Promise<void> {
  const archive = join(folder, `apicurio-registry-app-${version}-all.tar.gz`);
  const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`;
  const goal = ['dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`];
  await maven(options, log, `Apicurio Registry ${version}`, goal);
  options.progress('unpacking Apicurio Registry');
  await run(options, log, 'tar', ['-xzf', archive, '-C', folder], UNPACK_DEADLINE_MS);
  await rm(archive);
}

interface Versions {
  readonly kafka: string;
  readonly apicurio: string;
}

/** The versions stand in the pom and nowhere else. */
async function readVersions(): Promise<Versions> {
  const pom = await readFile(pomPath(), 'utf8');
  const version = (name: string) => {
    const text = new RegExp(`<${name}\\.version>([\\w.]+)</`).exec(pom)?.[1];
    if (text === undefined) throw new PostlaneError('BUG', { what: 'a version is missing in the pom', name });
    return text;
  };
  return { kafka: version('kafka'), apicurio: version('apicurio') };
}

const pomPath = () => join(packageRoot(), 'src', 'infra', 'native', 'pom.xml');

/** The folder `name`, filled by `fill` where it is not there yet. It is filled under another name: it is whole or absent. */
async function fetched(
  options: DownloadOptions,
  name: string,
  fill: (folder: string, log: LogFile) => Promise<void>,
): Promise<string> {
  const folder = join(options.directory, name);
  if (await exists(folder)) return folder;
  await mkdir(options.directory, { recursive: true });
  const lock = join(options.directory, `${name}.lock`);
  const free = async () => ((await claim(lock)) === undefined ? true : undefined);
  await waitFor(`another process that downloads ${name}`, free, { deadlineMs: DOWNLOAD_DEADLINE_MS });
  const log = new LogFile(join(options.directory, `${name}.log`));
  try {
    if (await exists(folder)) return folder;
    const partial = `${folder}.partial`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial);
    await fill(partial, log);
    await rename(partial, folder);
    return folder;
  } finally {
    log.close();
    await rm(lock, { force: true });
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

async function maven(options: DownloadOptions, log: LogFile, title: string, goal: readonly string[]): Promise<void> {
  const tally = new TransferTally();
  options.progress(`downloading ${title} (once)`);
  const report = () => {
    if (tally.files === 0) return;
    options.progress(`downloading ${title}: ${tally.files} files, ${tally.megabytes.toFixed(1)} MB`);
  };
  const timer = setInterval(report, PROGRESS_INTERVAL_MS);
  try {
    const args = ['--batch-mode', '--file', pomPath(), ...goal];
    await run(options, log, 'mvn', args, DOWNLOAD_DEADLINE_MS, (text) => tally.read(text));
  } finally {
    clearInterval(timer);
  }
}

async function run(
  options: DownloadOptions,
  log: LogFile,
  command: string,
  args: readonly string[],
  deadlineMs: number,
  watch?: (text: string) => void,
): Promise<void> {
  const name = `download-${command}`;
  const started = await startGuarded({ name, command, args, environment: options.environment, log, watch });
  const timer = setTimeout(() => void started.stop({ withinMs: STOP_DEADLINE_MS }), deadlineMs);
  const exit = await started.exited;
  clearTimeout(timer);
  if (exit.status !== 0) {
    const hint = exit.status === COMMAND_NOT_FOUND ? `install ${command}` : undefined;
    throw new PostlaneError('INFRA_UNAVAILABLE', {
      what: [command, ...args].join(' '),
      ...exit,
      hint,
      log: log.tail(),
    });
  }
}

const UNIT_MEGABYTES: Readonly<Record<string, number>> = { B: 1e-6, kB: 1e-3, MB: 1, GB: 1e3 };

/** Adds up what Maven says it has downloaded: `Downloaded from …: <address> (6.7 MB at 15 MB/s)`. */
export class TransferTally {
  files = 0;
  megabytes = 0;
  #rest = '';

  read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const match = /Downloaded from \S+: \S+ \(([\d.,]+) ([kMG]?B) at /.exec(line);
      if (match === null) continue;
      this.files += 1;
      this.megabytes += Number(match[1]?.replace(',', '.')) * (UNIT_MEGABYTES[match[2] ?? ''] ?? 0);
    }
  }
}

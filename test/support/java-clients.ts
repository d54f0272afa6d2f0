import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../../src/config/environment.ts';
import { download } from '../../src/infra/native/downloads.ts';
import { findJava } from '../../src/infra/native/tools.ts';
import { packageRoot } from '../../src/infra/package-root.ts';

/** A record as the Java client shows it. */
export interface ShownRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly value: Buffer;
}

/** It ends once nothing has come for so long; until its first record it has a group to join, on a machine that may be busy. */
const IDLE_MS = 12_000;
const RUN_MS_MAX = 120_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Shows bytes as text that can be turned back: `\x` and two digits for all that is not plain. */
const BYTES_DESERIALIZER = 'org.apache.kafka.common.serialization.BytesDeserializer';

/**
 * Reads a topic from its beginning with Kafka's own console consumer: the second opinion of the tests
 * in which a client that shows aborted records would show us what we want to see.
 */
export async function readWithJava(
  broker: string,
  topic: string,
  isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
): Promise<readonly ShownRecord[]> {
  const properties = ['print.partition=true', 'print.offset=true', 'print.key=true', 'print.value=true'];
  const stdout = await runTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    ...['--bootstrap-server', broker, '--topic', topic, '--from-beginning'],
    ...['--isolation-level', isolation, '--timeout-ms', String(IDLE_MS)],
    ...[...properties, `value.deserializer=${BYTES_DESERIALIZER}`].flatMap((one) => ['--formatter-property', one]),
  ]);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('Partition:'))
    .map(parseLine);
}

function parseLine(line: string): ShownRecord {
  const [partition = '', offset = '', key = '', ...value] = line.split('\t');
  return {
    partition: numberIn(partition, 'Partition:'),
    offset: numberIn(offset, 'Offset:'),
    key,
    value: bytesOf(value.join('\t')),
  };
}

function numberIn(field: string, label: string): number {
  if (!field.startsWith(label)) throw new Error(`"${field.slice(0, 100)}" should begin with ${label}`);
  return Number(field.slice(label.length));
}

const bytesOf = (text: string): Buffer =>
  Buffer.from(
    text.replace(/\\x([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  );

/** Writes lines as records without a key, in batches compressed by Kafka's own client. */
export async function writeWithJava(
  broker: string,
  topic: string,
  compression: 'lz4' | 'zstd' | 'snappy',
  lines: readonly string[],
): Promise<void> {
  const args = ['--bootstrap-server', broker, '--topic', topic, '--compression-codec', compression];
  await runTool('org.apache.kafka.tools.ConsoleProducer', args, lines.join('\n'));
}

async function runTool(main: string, args: readonly string[], input = ''): Promise<string> {
  const downloads = download({
    directory: join(packageRoot(), '.postlane', 'downloads'),
    environment: environment(),
    progress: () => undefined,
  });
  const classes = join(await downloads.kafka, '*');
  const java = await findJava(environment());
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', classes, main, ...args];
  const running = promisify(execFile)(java, options, { timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

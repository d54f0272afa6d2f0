import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DeliveryResult } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { partitionOf } from '../../domain/partitioner.ts';
import { EMAIL_TYPES, type EmailType } from '../../domain/policy.ts';
import { type PartitionRange, rangesOf } from '../../kafka/topic-ends.ts';
import { scanTopics } from '../../kafka/topic-scan.ts';
import type { Codec } from '../../runtime/codec.ts';
import type { StoredRecord } from '../../runtime/ports.ts';
import type { CliContext } from '../context.ts';
import { openPipeline } from '../open-pipeline.ts';
import { resultJson, resultLine } from '../result-line.ts';

interface ResultsCommandOptions {
  readonly config?: string;
  readonly follow?: true;
  readonly fromBeginning?: true;
  readonly type?: EmailType;
  readonly job?: string;
  readonly json?: true;
}

/** `postlane results`: what became of mails. */
export function register(program: Command, context: CliContext): void {
  program
    .command('results')
    .summary('show what became of mails')
    .description(
      'Shows delivery results: all that are kept, up to now; with --follow those that come from now on, until Ctrl-C. Joins no ' +
        'consumer group, so it takes no results away from anybody.',
    )
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('-f, --follow', 'show results as they come')
    .option('--from-beginning', 'with --follow: show those that are kept first')
    .addOption(new Option('--type <type>', 'only of mails of this type').choices([...EMAIL_TYPES]))
    .option('--job <id>', 'only of this job', parseJobId)
    .option('--json', 'one JSON object per line, with every field')
    .action(async (options: ResultsCommandOptions) => {
      const { kafka, codec } = await openPipeline(context, options.config, 'results');
      const types = options.type ? [options.type] : EMAIL_TYPES;
      const found = await rangesOf(
        kafka,
        types.map((type) => topics.results(type).name),
      );
      const ranges = options.job === undefined ? found : homesOf(options.job, found);
      const fromEnd = options.follow === true && options.fromBeginning !== true;
      await scanTopics(kafka, {
        ranges: fromEnd ? ranges.map((range) => ({ ...range, first: range.end })) : ranges,
        follow: options.follow === true,
        signal: context.interrupted,
        apply: (topic, partition, records) => show({ topic, partition, records, codec, options, context }),
        onTrouble: (error) => context.tell(`reading is interrupted: ${error instanceof Error ? error.message : error}`),
      });
    });
}

/** All results of a job lie in the partitions of its id. */
function homesOf(jobId: string, ranges: readonly PartitionRange[]): readonly PartitionRange[] {
  return ranges.filter(({ topic, partition }) => {
    const partitions = ranges.filter((range) => range.topic === topic).length;
    return partition === partitionOf(jobId, partitions);
  });
}

interface Shown {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  readonly codec: Codec;
  readonly options: ResultsCommandOptions;
  readonly context: CliContext;
}

async function show({ topic: name, partition, records, codec, options, context }: Shown): Promise<void> {
  const topic = EMAIL_TYPES.map((type) => topics.results(type)).find((candidate) => candidate.name === name);
  if (topic === undefined) return;
  await codec.prepare(topic, records);
  const lines: string[] = [];
  for (const record of records) {
    const decoded = codec.decode(topic, record.value);
    if (!decoded.ok) context.tell(`${name}/${partition}@${record.offset} is no result: ${decoded.reason}`);
    else if (isWanted(decoded.value, options)) {
      lines.push(options.json ? resultJson(decoded.value) : resultLine(decoded.value));
    }
  }
  if (lines.length > 0) context.print(`${lines.join('\n')}\n`);
}

const isWanted = ({ jobId }: DeliveryResult, { job }: ResultsCommandOptions): boolean =>
  job === undefined || jobId === job;

function parseJobId(text: string): string {
  if (text === '') throw new InvalidArgumentError('the id of a job is expected');
  return text;
}

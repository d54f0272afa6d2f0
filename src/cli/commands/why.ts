import type { Command } from 'commander';
import { topics } from '../../contracts/topic.ts';
import { partitionOf } from '../../domain/partitioner.ts';
import { rangesOf } from '../../kafka/topic-ends.ts';
import { scanTopics } from '../../kafka/topic-scan.ts';
import type { CliContext } from '../context.ts';
import { openPipeline, type PipelineAccess } from '../open-pipeline.ts';
import { readTrails } from '../trail-reader.ts';
import { whyText } from '../trail-text.ts';

interface WhyOptions {
  readonly config?: string;
  readonly tenant?: string;
}

const EXIT_NOTHING = 1;

/** `postlane why <id>`: why a mail is where it is. */
export function register(program: Command, context: CliContext): void {
  program
    .command('why')
    .summary('say why a mail waits, or why it ended as it did')
    .description(
      'Says in a sentence what a mail waits for and until when, or what ended it. Ends with 1 where nothing is known.',
    )
    .argument('<id>', 'id of a job')
    .option('--tenant <name>', 'tenant of the job')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .action(async (id: string, options: WhyOptions) => {
      const access = await openPipeline(context, options.config, 'why');
      const found = await readTrails(access, { text: id, tenant: options.tenant ?? null }, context.interrupted);
      for (const trail of found) {
        const cancellation = await cancellationText(access, trail.id, trail.tenant, context.interrupted);
        context.print(whyText(trail, cancellation, Date.now()));
      }
      if (found.length > 0) return;
      context.tell('nothing is known of it');
      context.setExitStatus(EXIT_NOTHING);
    });
}

/** The newest request to call a mail back; null: there is none. */
async function cancellationText(
  { kafka, codec }: PipelineAccess,
  id: string,
  tenant: string,
  signal: AbortSignal,
): Promise<string | null> {
  const topic = topics.cancellations;
  const ranges = await rangesOf(kafka, [topic.name]);
  const home = partitionOf(id, ranges.length);
  const found: string[] = [];
  await scanTopics(kafka, {
    ranges: ranges.filter(({ partition }) => partition === home),
    follow: false,
    signal,
    apply: async (_, __, records) => {
      await codec.prepare(topic, records);
      for (const { value } of records) {
        const decoded = codec.decode(topic, value);
        if (!decoded.ok || decoded.value.jobId !== id || decoded.value.tenant !== tenant) continue;
        const { who, why, at } = decoded.value;
        found.push(`it was called back at ${new Date(at).toISOString()} by ${who}${why === '' ? '' : `: ${why}`}`);
      }
    },
  });
  return found.at(-1) ?? null;
}

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { topics } from '../../src/contracts/topic.ts';
import { HEADER_NAMES_DEFAULT } from '../../src/domain/job.ts';
import { systemClock } from '../../src/host/clock.ts';
import { Templates } from '../../src/host/templates.ts';
import { createKafka } from '../../src/kafka/client.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import { type NewsletterArm, newsletter, TEMPLATE_ID } from './newsletter.ts';
import type { BenchOptions } from './options.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { type CpuTimes, cpuSince, cpuTimes } from './processes.ts';
import { Sink } from './sink.ts';
import { median, rounded, spread } from './statistics.ts';
import type { Workshop } from './workshop.ts';

const ARMS = ['templated', 'unique'] as const;
const WARM_UP_MAILS = 1_000;
/** What must be shown: so much of the bytes at most, and so many times the throughput at least. */
const BYTES_SHARE_MAX = 1 / 4;
const THROUGHPUT_RATIO_MIN = 1.4;

interface Measure {
  readonly perSecond: number;
  /** Bytes that the log has of it, in all topics, per mail. */
  readonly bytesEach: number;
  readonly cpu: CpuTimes;
}

/** One newsletter of 50 KB to many, as a template and with a body for everyone; signed with DKIM in both. */
export async function benchTemplated(workshop: Workshop, options: BenchOptions): Promise<object> {
  const sink = await Sink.start(workshop);
  const dataDirectory = workshop.path('infra');
  const pipeline = await startPipeline(workshop, sink, { dataDirectory });
  await putNewsletter(pipeline);
  const measures: Record<NewsletterArm, Measure[]> = { templated: [], unique: [] };
  for (const arm of ARMS) {
    const { perSecond } = await measure(pipeline, sink, dataDirectory, arm, `warm-${arm}`, WARM_UP_MAILS);
    workshop.tell(`warm-up, ${arm}: ${perSecond.toFixed(0)} mails/s`);
  }
  for (let round = 0; round < options.rounds; round++) {
    // Whoever goes first in one round goes last in the next.
    for (const arm of round % 2 ? [...ARMS].reverse() : ARMS) {
      const measured = await measure(pipeline, sink, dataDirectory, arm, `round${round}-${arm}`, options.mails);
      measures[arm].push(measured);
      const { perSecond, bytesEach } = measured;
      workshop.tell(`round ${round + 1}, ${arm}: ${perSecond.toFixed(0)} mails/s, ${bytesEach.toFixed(0)} bytes each`);
    }
  }
  const summary = summarise(measures, options);
  for (const line of table(measures)) workshop.print(line);
  workshop.print(
    `bytes ${summary.bytesShare} of those of unique bodies (at most ${BYTES_SHARE_MAX}), throughput ${summary.throughputRatio} times theirs (at least ${THROUGHPUT_RATIO_MIN})`,
  );
  return summary;
}

async function putNewsletter({ infra }: Pipeline): Promise<void> {
  const { brokers, schemaRegistryUrl: url } = infra;
  const kafka = await createKafka({ brokers, clientId: 'postlane-bench-templates' });
  const codec = await openRegistryCodec({ url, encodes: [topics.templates], jobBytesMax: JOB_BYTES_MAX_DEFAULT });
  const telemetry = { log: () => undefined, count: () => undefined };
  const host = { kafka, codec, clock: systemClock, telemetry };
  const templates = await Templates.open(host, { headerNames: HEADER_NAMES_DEFAULT });
  try {
    const result = await templates.put('default', TEMPLATE_ID, newsletter(), 'bench');
    if (result.kind === 'refused') throw new Error(`the newsletter is refused: ${result.fault.detail}`);
  } finally {
    await templates.stop();
  }
}

/** From before the first job was published until the sink had taken the last mail. */
async function measure(
  { publisher, pids, infraPids }: Pipeline,
  sink: Sink,
  dataDirectory: string,
  arm: NewsletterArm,
  run: string,
  count: number,
): Promise<Measure> {
  const processes = { ...pids, ...infraPids };
  const first = await sink.count();
  const bytesBefore = await logBytes(dataDirectory);
  const before = cpuTimes(processes);
  const request = { run, first: 0, count, type: 'marketing', newsletter: arm } as const;
  const [{ startedAt }] = await Promise.all([publisher.ask(request), sink.waitForCount(first + count)]);
  const used = cpuSince(before, cpuTimes(processes));
  const bytes = (await logBytes(dataDirectory)) - bytesBefore;
  const accepted = await sink.accepted(first);
  const ids = new Set(accepted.map(({ jobId }) => jobId));
  if (accepted.length !== count || ids.size !== count) {
    throw new Error(`${count} mails were sent, the sink has ${accepted.length}, ${ids.size} of them different`);
  }
  const endedAt = accepted.reduce((latest, { at }) => Math.max(latest, at), 0);
  return {
    perSecond: (count / (endedAt - startedAt)) * 1_000,
    bytesEach: bytes / count,
    cpu: Object.fromEntries(Object.entries(used).map(([name, ms]) => [name, ms / count])),
  };
}

/** Bytes of the pipeline's topics as the broker keeps them: what was sent to it once, and is sent to every reader. */
async function logBytes(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(
    files
      .filter((file) => /(?:^|\/)email\.[^/]+\/\d+\.log$/.test(file))
      .map(async (file) => (await stat(join(directory, file))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

type Measures = Readonly<Record<NewsletterArm, readonly Measure[]>>;

function summarise({ templated, unique }: Measures, { mails, rounds }: BenchOptions) {
  const each = (of: (a: Measure, b: Measure) => number) =>
    rounded(median(templated.map((measured, n) => of(measured, unique[n] as Measure))), 3);
  const throughputRatio = each((a, b) => a.perSecond / b.perSecond);
  const bytesShare = each((a, b) => a.bytesEach / b.bytesEach);
  const medianOf = (measures: readonly Measure[], pick: (measured: Measure) => number) =>
    rounded(median(measures.map(pick)), 1);
  return {
    mails,
    rounds,
    templated: medianOf(templated, ({ perSecond }) => perSecond),
    unique: medianOf(unique, ({ perSecond }) => perSecond),
    bytesEach: {
      templated: medianOf(templated, ({ bytesEach }) => bytesEach),
      unique: medianOf(unique, ({ bytesEach }) => bytesEach),
    },
    throughputRatio,
    bytesShare,
    shown: throughputRatio >= THROUGHPUT_RATIO_MIN && bytesShare <= BYTES_SHARE_MAX,
  };
}

function table(measures: Measures): readonly string[] {
  return ARMS.map((arm) => {
    const all = measures[arm];
    const names = Object.keys(all[0]?.cpu ?? {});
    const cpu = names.map((name) => `${name} ${median(all.map((each) => each.cpu[name] ?? 0)).toFixed(2)}`);
    const rate = spread(all.map(({ perSecond }) => perSecond));
    return `${arm.padEnd(10)} ${rate} mails/s, ${spread(all.map(({ bytesEach }) => bytesEach))} bytes each; CPU ms per mail: ${cpu.join(', ')}`;
  });
}

import { join } from 'node:path';
import type { GuardedProcess } from '../../src/infra/guarded-process.ts';
import { waitFor } from '../../src/infra/wait.ts';
import type { BenchOptions } from './options.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { anonymousBytesOf } from './processes.ts';
import { Sink } from './sink.ts';
import type { Workshop } from './workshop.ts';

/** So many times the first load has gone through when memory is looked at again. */
const TIMES = 10;
const COLLECT_DEADLINE_MS = 60_000;
const MEBIBYTE = 1_048_576;
const ROLES = ['router', 'worker'] as const;
type RoleName = (typeof ROLES)[number];

/** The bench of issue item 8: memory of router and worker after a load, and after ten times as much. */
export async function benchMemory(workshop: Workshop, options: BenchOptions): Promise<object> {
  const sink = await Sink.start(workshop);
  const collected = new Map<string, number>();
  const nodeOptions = ['--expose-gc', '--import', join(import.meta.dirname, 'collect-on-signal.ts')];
  const pipeline = await startPipeline(workshop, sink, {
    spawn: (role) => ({
      nodeOptions,
      watch: (text) => {
        if (text.includes('"collected"')) collected.set(role, (collected.get(role) ?? 0) + 1);
      },
    }),
  });
  const look = () => memoryOf(pipeline, collected);
  await send(sink, pipeline, 'first', options.mails);
  const few = await look();
  workshop.tell(`after ${options.mails} jobs: ${JSON.stringify(few)} MiB`);
  await send(sink, pipeline, 'second', options.mails * (TIMES - 1));
  const many = await look();
  const growth = Object.fromEntries(ROLES.map((role) => [role, Number((many[role] / few[role] - 1).toFixed(3))]));
  const jobs = { few: options.mails, many: options.mails * TIMES };
  for (const role of ROLES) {
    workshop.print(
      `${role}: ${few[role]} MiB after ${jobs.few} jobs, ${many[role]} MiB after ${jobs.many}: ${((growth[role] as number) * 100).toFixed(1)} % more`,
    );
  }
  return { jobs, rssAnonMiB: { few, many }, growth };
}

/** In MiB, after a forced collection. */
async function memoryOf(pipeline: Pipeline, collected: Map<string, number>): Promise<Record<RoleName, number>> {
  const entries = ROLES.map(async (role) => {
    const process: GuardedProcess = pipeline[role];
    const before = collected.get(role) ?? 0;
    process.signal('SIGUSR2');
    const done = () => ((collected.get(role) ?? 0) > before ? true : undefined);
    await waitFor(`a collection of the ${role}`, done, { deadlineMs: COLLECT_DEADLINE_MS });
    return [role, Number((anonymousBytesOf(process.pid) / MEBIBYTE).toFixed(1))] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<RoleName, number>;
}

async function send(sink: Sink, pipeline: Pipeline, run: string, count: number): Promise<void> {
  const first = await sink.count();
  await pipeline.publisher.ask({ run, first: 0, count, type: 'marketing' });
  await sink.waitForCount(first + count);
}

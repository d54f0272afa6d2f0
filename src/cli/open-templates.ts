import { topics } from '../contracts/topic.ts';
import { HEADER_NAMES_DEFAULT } from '../domain/job.ts';
import { systemClock } from '../host/clock.ts';
import { Templates } from '../host/templates.ts';
import type { CliContext } from './context.ts';
import { openPipeline } from './open-pipeline.ts';

/** Works with the table of templates of the pipeline that the configuration or a running `up` names. */
export async function withTemplates<T>(
  context: CliContext,
  config: string | undefined,
  work: (templates: Templates) => Promise<T>,
): Promise<T> {
  const { kafka, codec } = await openPipeline(context, config, 'templates', [topics.templates]);
  const telemetry = { log: () => undefined, count: () => undefined };
  const host = { kafka, codec, clock: systemClock, telemetry };
  const templates = await Templates.open(host, { headerNames: HEADER_NAMES_DEFAULT });
  try {
    return await work(templates);
  } finally {
    await templates.stop();
  }
}

import type { Topic } from '../contracts/topic.ts';
import { connectPipeline, type PipelineAccess } from './connect-pipeline.ts';
import { connectionOf } from './connection.ts';
import type { CliContext } from './context.ts';

export type { PipelineAccess } from './connect-pipeline.ts';

/** Connects a command, under its own name, to the pipeline that the configuration or a running `up` names: to one region of it. */
export const openPipeline = async (
  context: CliContext,
  config: string | undefined,
  command: string,
  encodes: readonly Topic<unknown>[] = [],
): Promise<PipelineAccess> => connectPipeline(await connectionOf(context, config), command, encodes);

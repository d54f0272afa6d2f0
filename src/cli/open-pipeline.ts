import type { Topic } from '../contracts/topic.ts';
import { createKafka, type KafkaClient } from '../kafka/client.ts';
import { openRegistryCodec } from '../registry/codec.ts';
import type { Codec } from '../runtime/codec.ts';
import { connectionOf } from './connection.ts';
import type { CliContext } from './context.ts';

/** What a command that looks into a running pipeline needs. */
export interface PipelineAccess {
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  /** A job at most, encoded, in bytes. */
  readonly jobBytesMax: number;
}

/** Connects a command, under its own name, to the pipeline that the configuration or a running `up` names. */
export async function openPipeline(
  context: CliContext,
  config: string | undefined,
  command: string,
  encodes: readonly Topic<unknown>[] = [],
): Promise<PipelineAccess> {
  const { brokers, clientId, schemaRegistryUrl: url, jobBytesMax } = await connectionOf(context, config);
  const codec = await openRegistryCodec({ url, encodes, jobBytesMax });
  const kafka = await createKafka({ brokers, clientId: `${clientId}-${command}` });
  return { kafka, codec, jobBytesMax };
}

import type { Topic } from '../contracts/topic.ts';
import { createKafka, type KafkaClient } from '../kafka/client.ts';
import { type FieldsRead, openRegistryCodec } from '../registry/codec.ts';
import type { Codec } from '../runtime/codec.ts';
import type { ConnectionAddresses } from './connection.ts';

/** What a command that looks into a running pipeline needs. */
export interface PipelineAccess {
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  /** A job at most, encoded, in bytes. */
  readonly jobBytesMax: number;
}

/** Connects a command under its own name. The only place in which commands do, so that none forgets which region it is for. */
export async function connectPipeline(
  { brokers, clientId, schemaRegistryUrl: url, jobBytesMax, region }: ConnectionAddresses,
  command: string,
  encodes: readonly Topic<unknown>[],
  fields: FieldsRead = {},
): Promise<PipelineAccess> {
  const codec = await openRegistryCodec({ url, encodes, jobBytesMax, region, fields });
  const kafka = await createKafka({ brokers, clientId: `${clientId}-${command}`, region });
  return { kafka, codec, jobBytesMax };
}

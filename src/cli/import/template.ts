import type { Template } from '../../contracts/generated.ts';
import { topics } from '../../contracts/topic.ts';
import { PostlaneError } from '../../domain/error.ts';
import { rangesOf } from '../../kafka/topic-ends.ts';
import { scanTopics } from '../../kafka/topic-scan.ts';
import { type CompiledTemplate, compileTemplate } from '../../templates/index.ts';
import type { PipelineAccess } from '../open-pipeline.ts';

/** The template of an import, in the version that all of its mails are made of. */
export interface ImportTemplate {
  readonly id: string;
  readonly version: number;
  readonly compiled: CompiledTemplate;
}

/** Reads a template; without a version the newest one. Throws CONFIG_INVALID where there is none. */
export async function readTemplate(
  { kafka, codec }: PipelineAccess,
  wanted: { readonly tenant: string; readonly id: string; readonly version: number | null },
  signal: AbortSignal,
): Promise<ImportTemplate> {
  const topic = topics.templates;
  const versions = new Map<number, Template>();
  await scanTopics(kafka, {
    ranges: await rangesOf(kafka, [topic.name]),
    follow: false,
    signal,
    apply: async (_topic, _partition, records) => {
      await codec.prepare(topic, records);
      for (const { value } of records) {
        const decoded = codec.decode(topic, value);
        if (!decoded.ok) continue;
        const row = decoded.value;
        // Of two rows that claim one version the first counts.
        const isWanted = row.tenant === wanted.tenant && row.templateId === wanted.id && !versions.has(row.version);
        if (isWanted) versions.set(row.version, row);
      }
    },
  });
  const newest = Math.max(0, ...versions.keys());
  const found = versions.get(wanted.version ?? newest);
  const facts = { template: wanted.id, tenant: wanted.tenant, versions: [...versions.keys()].sort((a, b) => a - b) };
  if (versions.get(newest)?.deleted)
    throw new PostlaneError('CONFIG_INVALID', { what: 'the template was deleted', ...facts });
  if (found === undefined || found.deleted) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'there is no such template', ...facts, version: wanted.version });
  }
  const result = compileTemplate(found);
  if (!result.ok)
    throw new PostlaneError('CONFIG_INVALID', { what: 'the template cannot be used', ...facts, ...result.fault });
  return { id: found.templateId, version: found.version, compiled: result.template };
}

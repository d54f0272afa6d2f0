import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Infra } from '../../src/infra/provider.ts';
import { TestApi } from './api.ts';
import { provision } from './provision.ts';

export interface FuzzedApi {
  readonly url: string;
  /** Of two tenants, with every scope but `suppressions:all`. */
  readonly keys: readonly [string, string];
  stop(): Promise<void>;
}

/** Mails can be made of it; test/fuzz/hooks.py names it. */
const TEMPLATE = {
  from: 'The Shop <news@shop.example>',
  subject: 'News for {{ name | default: "you" }}',
  html: '<p>Dear {{ name | default: "you" }}</p>',
};

/** An API with nothing switched off, so that a fuzzer gets behind every door: endpoints need a key to seal their secrets with. */
export async function startFuzzedApi(infra: Infra): Promise<FuzzedApi> {
  await provision(infra);
  const directory = await mkdtemp(join(tmpdir(), 'postlane-fuzz-'));
  const keyPath = join(directory, 'webhooks.key');
  await writeFile(keyPath, randomBytes(32).toString('hex'));
  const api = await TestApi.start(infra, { yaml: `notifier: { key: "file:${keyPath}" }\n` });
  const stop = async (): Promise<void> => {
    await api.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const keys = [await keyWithTemplate(api, 'one'), await keyWithTemplate(api, 'other')] as const;
    return { url: api.api.url, keys, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function keyWithTemplate(api: TestApi, tenant: string): Promise<string> {
  const { text: key } = await api.key({ tenant });
  const put = await api.ask('/v1/templates/fuzz', {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(TEMPLATE),
  });
  if (put.status !== 200) throw new Error(`the template is refused: ${await put.text()}`);
  return key;
}

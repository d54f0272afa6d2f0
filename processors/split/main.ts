import { createHash } from 'node:crypto';
import type { Host, Hosted } from '../../src/host/host.ts';
import { hostStream } from '../../src/host/stream-host.ts';
import { openVerpSigner } from '../../src/host/verp.ts';
import { readMail } from '../../src/mime/read-mail.ts';
import { SPLIT_GROUP, splitDefinition } from './index.ts';

/** Raw records of one transaction: each may be a whole mail. */
const BATCH_MAX = 50;

/** Starts a split in this process. */
export async function startSplit(host: Host): Promise<Hosted> {
  const signer = await openVerpSigner(host);
  const definition = splitDefinition({
    readMail,
    hash: hashOf,
    verify: (local) => signer?.current.verify(local) ?? null,
  });
  return hostStream(host, SPLIT_GROUP, definition, { batchMax: BATCH_MAX });
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return hashing.digest('base64url');
}

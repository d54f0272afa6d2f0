import { createHash, randomFillSync } from 'node:crypto';
import { ID_HASH_BYTES, ID_RANDOM_BYTES, uuidV7 } from '../domain/uuid.ts';

const RANDOM_POOL_BYTES = 1_000 * ID_RANDOM_BYTES;

/** Makes ids of jobs. Asking the system for ten random bytes costs as much as for ten thousand, so they are drawn ahead. */
export function newIds(): () => string {
  const random = new Uint8Array(RANDOM_POOL_BYTES);
  let at = random.length;
  return () => {
    if (at === random.length) {
      randomFillSync(random);
      at = 0;
    }
    at += ID_RANDOM_BYTES;
    return uuidV7(Date.now(), random.subarray(at - ID_RANDOM_BYTES, at));
  };
}

/** As many bytes as an id is made of; they stand for the parts, one after the other. */
export function idHash(parts: readonly (string | Uint8Array)[]): Buffer {
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return hashing.digest().subarray(0, ID_HASH_BYTES);
}

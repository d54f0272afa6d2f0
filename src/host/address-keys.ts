import { createHmac, createSecretKey } from 'node:crypto';
import type { Config } from '../config/types.ts';
import { topics } from '../contracts/topic.ts';
import { PostlaneError } from '../domain/error.ts';
import { type AddressKey, type RecipientNames, recipientNames } from '../domain/recipient-names.ts';
import { SECOND_MS } from '../domain/time.ts';
import { Publisher } from '../kafka/publisher.ts';
import { ViewFollower } from '../kafka/view-follower.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Host } from './host.ts';
import { MemoryTable } from './memory-table.ts';

/** A key that could be guessed would give away every address that somebody thinks of. In bytes. */
export const ADDRESS_KEY_BYTES_MIN = 32;
/** More keys than anybody rotates through: each look-up asks for the hashes of all. */
const KEYS_MAX = 8;
const MAC_BYTES = 16;
const ID_LENGTH = 6;
const APPEND_MS_MAX = 30 * SECOND_MS;

/** A key as it hashes. No address is hashed to an id: there is no @ in what ids are made from. */
export function addressKeyOf(key: Buffer): AddressKey {
  // Node prepares bytes anew for every hash: 15 µs of processor time instead of 3.
  const prepared = createSecretKey(key);
  const hmac = (text: string): Buffer => createHmac('sha256', prepared).update(text).digest();
  return {
    // In digits that a command line takes for no option.
    id: hmac('postlane address key').toString('hex').slice(0, ID_LENGTH),
    mac: (text) => hmac(text).subarray(0, MAC_BYTES).toString('base64url'),
  };
}

/**
 * What stands for recipients, as the configuration has it. Keys are read once: one that changes needs a restart, as
 * docs/reputation.md says. Throws CONFIG_INVALID for a key that could be guessed, and what resolving it throws.
 */
export async function recipientNamesIn(
  { privacy }: Pick<Config, 'privacy'>,
  secrets: Pick<Secrets, 'resolve'>,
): Promise<RecipientNames> {
  if (privacy.addressKey === null) return recipientNames([], false);
  const keys = (await secrets.resolve(privacy.addressKey)).lines().map((line) => line.bytes());
  const fail = (what: string): never => {
    throw new PostlaneError('CONFIG_INVALID', { what: `privacy.address_key: ${what}` });
  };
  if (keys.length === 0 || keys.some(({ length }) => length < ADDRESS_KEY_BYTES_MIN)) {
    fail(`every line must have at least ${ADDRESS_KEY_BYTES_MIN} characters`);
  }
  if (keys.length > KEYS_MAX) fail(`has more than ${KEYS_MAX} lines`);
  return recipientNames(keys.map(addressKeyOf), privacy.hashAddresses);
}

export type AddressKeysParts = Pick<Host, 'kafka' | 'codec' | 'clock' | 'telemetry' | 'secrets'> & {
  readonly config: Pick<Config, 'privacy'>;
};

/**
 * What stands for recipients in the records of a pipeline, with the table of the keys that they were ever hashed by: rows
 * under the hash of a key that is not given would not be found, and who is suppressed would be mailed.
 */
export class AddressKeys {
  readonly names: RecipientNames;
  private readonly table: MemoryTable<{ readonly keyId: string }>;
  private readonly follower: ViewFollower;
  private readonly telemetry: AddressKeysParts['telemetry'];
  private told = '';

  private constructor(names: RecipientNames, { kafka, codec, clock, telemetry }: AddressKeysParts) {
    const topic = topics.addressKeys;
    this.names = names;
    this.telemetry = telemetry;
    this.table = new MemoryTable(topic, codec, telemetry);
    this.follower = new ViewFollower({ kafka, topic: topic.name, store: this.table, clock, telemetry });
  }

  /**
   * Reads the table, and enters the key that new records are hashed by before there is any. Throws CONFIG_INVALID where
   * records were hashed by a key that the configuration does not give. Stop it.
   */
  static async open(parts: AddressKeysParts): Promise<AddressKeys> {
    const opened = new AddressKeys(await recipientNamesIn(parts.config, parts.secrets), parts);
    try {
      await opened.follower.start();
      const missing = opened.missing();
      if (missing.length > 0) {
        throw new PostlaneError('CONFIG_INVALID', { what: `privacy.address_key: ${lacks(missing)}` });
      }
      await opened.enter(parts);
      return opened;
    } catch (error) {
      await opened.stop();
      throw error;
    }
  }

  /** False where another process has begun to hash by a key that this one lacks: it no longer knows who is suppressed. */
  areKnown(): boolean {
    const missing = this.missing();
    const ids = missing.join(' ');
    if (ids !== this.told && ids !== '') this.telemetry.log('error', lacks(missing), { keys: missing });
    this.told = ids;
    return missing.length === 0;
  }

  stalenessMs(): number {
    return this.follower.stalenessMs();
  }

  stop(): Promise<void> {
    return this.follower.stop();
  }

  private missing(): readonly string[] {
    return this.table
      .values()
      .map(({ keyId }) => keyId)
      .filter((id) => !this.names.keyIds.includes(id));
  }

  private async enter({ kafka, codec, clock }: AddressKeysParts): Promise<void> {
    const keyId = this.names.writes;
    if (keyId === null || this.table.get(keyId) !== undefined) return;
    const publisher = new Publisher({ kafka, deliveryTimeoutMs: APPEND_MS_MAX });
    try {
      const value = codec.encode(topics.addressKeys, { keyId, at: clock.now() });
      await publisher.append([{ topic: topics.addressKeys.name, key: keyId, value }]);
    } finally {
      await publisher.close();
    }
  }
}

const lacks = (ids: readonly string[]): string =>
  `recipients were hashed by the key ${ids.join(', ')}, which is not among its lines: nobody would find who is suppressed. ` +
  'Give it behind the others (docs/reputation.md)';

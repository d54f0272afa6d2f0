import type { Config } from '../config/types.ts';
import type { DkimKeys, SenderCheck } from '../contracts/generated.ts';
import { standingKeys } from '../domain/dkim-keys.ts';
import type { DkimExpectation } from '../domain/dns/check-dkim.ts';
import type { Sender } from '../domain/policy.ts';
import { systemClock } from '../host/clock.ts';
import { answersSubjects, listens, parseAddress } from '../infra/probes.ts';
import { withSecrets } from '../secrets/open.ts';
import { dkimRecord } from '../smtp/dkim.ts';
import { connectionOf } from './connection.ts';
import type { CliContext } from './context.ts';
import { SenderTables } from './sender-tables.ts';

/** What operators have decided about keys; empty where the pipeline does not run, which is told. */
export interface DecidedKeys {
  readonly keys: ReadonlyMap<string, DkimKeys>;
  readonly checks: ReadonlyMap<string, SenderCheck>;
}

/** Reads the tables of sender domains where the pipeline can be reached; the DNS can be checked without it. */
export async function decidedKeys(context: CliContext, file: string | undefined): Promise<DecidedKeys> {
  const { brokers, schemaRegistryUrl } = await connectionOf(context, file);
  const addresses = brokers.map(parseAddress).filter((address) => address !== undefined);
  const found = await Promise.all(addresses.map(listens));
  if (!found.includes(true) || !(await answersSubjects(schemaRegistryUrl).catch(() => false))) {
    context.tell('the pipeline cannot be reached: keys that postlane dkim has made are not known');
    return { keys: new Map(), checks: new Map() };
  }
  const tables = await SenderTables.open(context, file);
  const [keys, checks] = await Promise.all([tables.keys(), tables.checks()]);
  return { keys, checks };
}

/** The keys of a sender whose records must be in the DNS, with those records. */
export function expectedKeys(
  config: Config,
  sender: Sender,
  decided: DecidedKeys,
): Promise<readonly DkimExpectation[]> {
  const rows = decided.keys.get(sender.domain)?.keys ?? [];
  const known = { configured: sender.dkim, rows, check: decided.checks.get(sender.domain) };
  const standing = standingKeys(known, Date.now(), config.dns.keySettleMs).filter(({ state }) => state !== 'retired');
  return withSecrets(config, systemClock, (secrets) => {
    const recordOf = (reference: string) =>
      secrets.resolve(reference).then(
        (secret) => dkimRecord(secret.bytes()),
        () => null,
      );
    const expected = standing.map(async ({ selector, privateKey, record, state }) => ({
      selector,
      record: record ?? (await recordOf(privateKey)),
      waiting: state === 'waiting',
    }));
    return Promise.all(expected);
  });
}

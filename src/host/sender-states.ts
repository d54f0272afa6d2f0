import type { DkimKeys, SenderCheck } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { type StandingKey, signingKeys, standingKeys } from '../domain/dkim-keys.ts';
import { ViewFollower } from '../kafka/view-follower.ts';
import type { Stoppable } from '../runtime/ports.ts';
import type { Host } from './host.ts';
import { MemoryTable } from './memory-table.ts';

/** What is known of sender domains beside the configuration: their keys, and what the DNS says of them. */
export interface SenderStates extends Stoppable {
  rowOf(domain: string): DkimKeys | undefined;
  checkOf(subject: string): SenderCheck | undefined;
  /** Where every key of a domain stands, oldest first. */
  standing(domain: string): readonly StandingKey[];
  /** The keys that mail of the domain is signed with. */
  signing(domain: string): readonly StandingKey[];
  /** Why mail of the domain is refused by strict senders; null: it is not. */
  refusal(domain: string): string | null;
}

/** Follows the tables of sender domains. Settles when they have caught up. */
export async function openSenderStates(host: Host): Promise<SenderStates> {
  const { kafka, clock, telemetry, codec, config } = host;
  const keys = new MemoryTable(topics.dkimKeys, codec, telemetry);
  const checks = new MemoryTable(topics.senderChecks, codec, telemetry);
  const followers = [
    new ViewFollower({ kafka, topic: topics.dkimKeys.name, store: keys, clock, telemetry }),
    new ViewFollower({ kafka, topic: topics.senderChecks.name, store: checks, clock, telemetry }),
  ];
  await Promise.all(followers.map((follower) => follower.start()));
  const configured = new Map(config.senders.list.map((sender) => [sender.domain, sender.dkim]));
  const known = (domain: string) => ({
    configured: configured.get(domain) ?? [],
    rows: keys.get(domain)?.keys ?? [],
    check: checks.get(domain),
  });
  return {
    rowOf: (domain) => keys.get(domain),
    checkOf: (subject) => checks.get(subject),
    standing: (domain) => standingKeys(known(domain), clock.now(), config.dns.keySettleMs),
    signing: (domain) => signingKeys(known(domain), clock.now(), config.dns.keySettleMs),
    refusal: (domain) => refusalOf(domain, checks.get(domain)),
    async stop() {
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}

/** Codes that fit into a reason. */
const CODES_MAX = 5;

function refusalOf(domain: string, check: SenderCheck | undefined): string | null {
  if (check?.verdict !== 'fails') return null;
  const codes = [...new Set(check.findings.filter(({ severity }) => severity === 'error').map(({ code }) => code))];
  const named = codes.length > 0 ? codes.slice(0, CODES_MAX).join(', ') : 'as of the last check that got answers';
  return `the DNS of ${domain} is wrong (${named}), and senders.mode is strict: postlane dns check ${domain}`;
}

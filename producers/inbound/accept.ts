import type { Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { toAsciiDomain } from '../../src/domain/address.ts';
import type { Millis } from '../../src/domain/time.ts';
import { type JobReference, RETURN_PATH_MAILBOX } from '../../src/domain/verp.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';

/** Route of mails to our return paths. */
export const ROUTE = 'inbound';

/** Which addresses are ours. */
export interface AddressRules {
  /** Domains of return paths, in lower-case A-labels. */
  readonly domains: ReadonlySet<string>;
  /** The job that the local part of a return path was signed for; null where we did not write it. Null: they carry no tokens. */
  readonly verify: ((local: string) => JobReference | null) | null;
  /** Further addresses, in lower case, and what mail to them is read as. */
  readonly addresses: ReadonlyMap<string, 'dsn' | 'arf'>;
}

/** The addresses that a configuration makes ours: in a region the region's, so that no other one's mail is taken. */
export const addressRulesOf = ({ senders, inbound }: Addressed, verify: AddressRules['verify']): AddressRules => ({
  domains: new Set(senders.list.map(({ returnPathDomain }) => toAsciiDomain(returnPathDomain) ?? returnPathDomain)),
  verify,
  addresses: new Map(inbound.addresses.map(({ address, format }) => [address, format])),
});

interface Addressed {
  readonly senders: { readonly list: readonly { readonly returnPathDomain: string }[] };
  readonly inbound: {
    readonly addresses: readonly { readonly address: string; readonly format: 'dsn' | 'arf' }[];
  };
}

/** What mail to an address is read as; null where the address is none of ours. */
export function formatFor(address: string, { domains, verify, addresses }: AddressRules): 'dsn' | 'arf' | null {
  const lower = address.toLowerCase();
  const configured = addresses.get(lower);
  if (configured !== undefined) return configured;
  const at = lower.lastIndexOf('@');
  if (at < 0 || !domains.has(lower.slice(at + 1))) return null;
  const local = lower.slice(0, at);
  // Without a key every mail of ours has the same return path; with one, a forger has to guess a signature.
  const isOurs = verify === null ? local === RETURN_PATH_MAILBOX : verify(local) !== null;
  return isOurs ? 'dsn' : null;
}

/** A mail as it came off the wire. */
export interface ArrivedMail {
  readonly recipients: readonly string[];
  readonly sender: string;
  readonly peer: string | null;
  readonly bytes: Uint8Array;
}

/** One raw record per address of ours that the mail was sent to. `hash` stands for the parts, one after the other. */
export function accept(
  mail: ArrivedMail,
  rules: AddressRules,
  hash: (parts: readonly (string | Uint8Array)[]) => string,
  at: Millis,
): Output<Feedback>[] {
  return mail.recipients.flatMap((recipient) => {
    const format = formatFor(recipient, rules);
    if (format === null) return [];
    const batchId = hash([recipient.toLowerCase(), '\n', mail.bytes]);
    const { sender, peer, bytes } = mail;
    const body = Buffer.from(bytes);
    return [
      emit(topics.feedback, `${ROUTE}/${batchId}`, {
        route: ROUTE,
        format,
        at,
        body,
        batchId,
        recipient,
        sender,
        peer,
      }),
    ];
  });
}

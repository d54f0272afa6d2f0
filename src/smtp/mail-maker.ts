import type { EmailJob } from '../contracts/generated.ts';
import { type Mailbox, parseMailbox } from '../domain/address.ts';
import { assert } from '../domain/error.ts';
import type { DkimKey, Sender } from '../domain/policy.ts';
import type { Millis } from '../domain/time.ts';
import { RETURN_PATH_MAILBOX } from '../domain/verp.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { follow } from '../secrets/follow.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { type Composed, type ComposeFault, type ComposeOptions, compose } from './compose.ts';
import { DkimSigner, signingKey } from './dkim.ts';
import type { OutgoingMail } from './mail.ts';
import type { VerpSigner } from './verp-signer.ts';

export interface MailMakerOptions extends ComposeOptions {
  readonly senders: {
    /** `lenient`: mail from another domain goes unsigned, under its own From as return path. `strict`: it is refused. */
    readonly mode: 'lenient' | 'strict';
    readonly list: readonly Sender[];
  };
  /** What is known of senders beside the configuration, and changes while we run. Absent: nothing. */
  readonly known?: KnownSenders;
  /** Signs return paths. Null: they carry no token. */
  readonly verp: { readonly current: VerpSigner } | null;
  /** What the private keys are resolved by; a key that is replaced signs the next mail. */
  readonly secrets: Secrets;
  readonly telemetry: Telemetry;
}

export interface KnownSenders {
  /** What signs for a domain whose keys have been changed since; undefined: the configured keys do. */
  signerOf(domain: string): Promise<DkimSigner | null> | undefined;
  /** Why strict senders refuse mail of the domain; null: they do not. */
  refusal(domain: string): string | null;
}

export type MadeMail =
  | {
      readonly ok: true;
      readonly mail: OutgoingMail;
      readonly messageId: string;
      /** Domain of the From header. */
      readonly senderDomain: string;
      /** False where the sender's domain is not configured, or has no keys. */
      readonly signed: boolean;
    }
  | {
      readonly ok: false;
      readonly fault: ComposeFault | 'unknown-sender' | 'sender-fails-dns';
      /** For people; null where the fault says everything. */
      readonly detail: string | null;
    };

/** Turns jobs into mails that are ready to go. */
export interface MailMaker {
  /** Same job and `acceptedAt`, same bytes. Never throws for what a job holds. */
  make(job: EmailJob, acceptedAt: Millis): Promise<MadeMail>;
}

interface KnownSender {
  readonly returnPathDomain: string;
  readonly signer: { readonly current: DkimSigner } | null;
}

/** Loads every key. Throws CONFIG_INVALID for a key that cannot sign; what `secrets` throws is passed on. */
export async function createMailMaker(options: MailMakerOptions): Promise<MailMaker> {
  const senders = new Map<string, KnownSender>();
  for (const { domain, returnPathDomain, dkim } of options.senders.list) {
    const signer = dkim.length === 0 ? null : await signerOf(domain, dkim, options);
    senders.set(domain, { returnPathDomain, signer });
  }
  return new SigningMailMaker(options, senders);
}

const signerOf = (domain: string, dkim: readonly DkimKey[], { secrets, telemetry }: MailMakerOptions) =>
  follow({
    secrets,
    telemetry,
    what: `dkim ${domain}`,
    references: dkim.map(({ privateKey }) => privateKey),
    async build() {
      const keys = dkim.map(async ({ selector, algorithm, privateKey }) => {
        const pem = (await secrets.resolve(privateKey)).bytes();
        try {
          return signingKey(selector, algorithm, pem);
        } finally {
          pem.fill(0);
        }
      });
      return new DkimSigner(domain, await Promise.all(keys));
    },
  });

class SigningMailMaker implements MailMaker {
  private readonly options: MailMakerOptions;
  private readonly senders: ReadonlyMap<string, KnownSender>;

  constructor(options: MailMakerOptions, senders: ReadonlyMap<string, KnownSender>) {
    this.options = options;
    this.senders = senders;
  }

  async make(job: EmailJob, acceptedAt: Millis): Promise<MadeMail> {
    const composed = await compose(job, acceptedAt, this.options);
    if (!composed.ok) return composed;
    const sender = this.senders.get(composed.from.domain);
    const { domain } = composed.from;
    if (this.options.senders.mode === 'strict') {
      if (sender === undefined) return { ok: false, fault: 'unknown-sender', detail: null };
      const refusal = this.options.known?.refusal(domain) ?? null;
      if (refusal !== null) return { ok: false, fault: 'sender-fails-dns', detail: refusal };
    }
    const changed = sender === undefined ? undefined : this.options.known?.signerOf(domain);
    const signer = changed === undefined ? sender?.signer?.current : await changed;
    const signature = (await signer?.sign(composed.fields, composed.bodyHash ?? composed.body, acceptedAt)) ?? '';
    return {
      ok: true,
      mail: {
        from: this.returnPath(job, composed, sender),
        to: composed.to,
        message: assembled(signature, composed),
        smtputf8: composed.smtputf8,
        eightBit: composed.eightBit,
      },
      messageId: composed.messageId,
      senderDomain: composed.from.domain,
      signed: signature !== '',
    };
  }

  /** Bounces come to us only at domains that are configured; others get theirs at the address that they write from. */
  private returnPath(job: EmailJob, composed: Composed, sender: KnownSender | undefined): Mailbox {
    if (sender === undefined) return composed.from;
    const { verp } = this.options;
    if (verp !== null) return verp.current.returnPath(job.tenant, job.id, sender.returnPathDomain);
    const plain = parseMailbox(`${RETURN_PATH_MAILBOX}@${sender.returnPathDomain}`);
    assert(plain.ok, 'a return path is no address', { domain: sender.returnPathDomain });
    return plain.value;
  }
}

function assembled(signature: string, { fields, body }: Composed): Buffer {
  let header = signature;
  for (const { line } of fields) header += `${line}\r\n`;
  return Buffer.concat([Buffer.from(`${header}\r\n`, 'utf8'), body]);
}

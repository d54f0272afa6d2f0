import type { Mailbox } from '../domain/address.ts';
import type { SiteLimits, Source } from '../domain/policy.ts';
import type { DeliveryOutcome } from '../domain/reply.ts';
import type { Millis } from '../domain/time.ts';
import type { Secret } from '../secrets/secret.ts';

/** A mail that is ready to go: one recipient, finished bytes. */
export interface OutgoingMail {
  /** Envelope sender; null is the empty path `<>`. */
  readonly from: Mailbox | null;
  readonly to: Mailbox;
  /** The whole message, signed: lines of at most 998 octets that end with CRLF, and no other CR or LF. */
  readonly message: Buffer;
  /** An address in envelope or headers has a non-ASCII local part (RFC 6531). */
  readonly smtputf8: boolean;
  /** The message holds octets above 127 (RFC 6152). */
  readonly eightBit: boolean;
}

/** Which way a mail goes, and what that way allows. */
export interface Route {
  readonly source: Source;
  /** The recipient's provider site: limits and, in direct mode, connections belong to it. */
  readonly site: string;
  readonly limits: SiteLimits;
  /** Aborting ends the attempt; the outcome then says how far it had come. */
  readonly signal?: AbortSignal;
  /** Once it has aborted no attempt begins: one that waits for a connection ends as aborted when its turn comes. */
  readonly closing?: AbortSignal;
}

/** What keeps mails from going; null: nothing. */
export interface CircuitState {
  /** Nothing goes over this source at all before then. */
  readonly source: Millis | null;
  /** Nothing goes from this source to this site before then. */
  readonly site: Millis | null;
  /** One attempt is let through, to try whether it works again. */
  readonly trial: boolean;
}

/** Hands mails over to mail servers, one attempt each. */
export interface Courier {
  /**
   * One attempt. Never throws: what mail does to us is a value. Waits for a free connection where there is none.
   * Never sends twice: only where a reused connection turns out to be dead before the reply to MAIL, so that no message
   * byte can have gone out, does it go on over a fresh one.
   */
  deliver(mail: OutgoingMail, route: Route): Promise<DeliveryOutcome>;
  /**
   * The circuits of a way. What fails before a mail can be offered speaks against the relay, or the site in direct mode;
   * what fails later, such as 421 to a recipient, speaks against the site alone, also behind a relay.
   */
  circuits(source: Source, site: string): CircuitState;
  /** How many more mails could start at once. */
  capacity(source: Source, site: string, limits: SiteLimits): number;
  /** Closes what is idle, so that another process can have the sites' connections. Settles when it is gone. */
  closeIdle(): Promise<void>;
  /** Lets what is under way settle for `withinMs`, then aborts it; closes every connection. Idempotent. */
  close(options: { readonly withinMs: number }): Promise<void>;
}

/** What a relay asks for. */
export interface Credentials {
  readonly user: Secret;
  readonly pass: Secret;
}

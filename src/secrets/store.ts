import { PostlaneError } from '../domain/error.ts';
import { type SecretReference, type SecretScheme, shownReference } from '../domain/secret-reference.ts';
import type { Secret, SecretDocument } from './secret.ts';

/** A private key is a few kilobytes; a secret that is longer is something else. */
export const SECRET_BYTES_MAX = 65_536;

/** Where secrets are kept: the port. Four implementations, one contract suite. Remembers no secret of what it reads. */
export interface SecretStore {
  readonly scheme: SecretScheme;
  /**
   * Reads a document anew. `before`: the edition before the newest one, null where the store keeps none. Throws
   * SECRET_UNAVAILABLE within its time-out; the error names the reference and never holds anything of the value.
   */
  read(reference: SecretReference, edition: 'newest'): Promise<SecretDocument>;
  read(reference: SecretReference, edition: 'before'): Promise<SecretDocument | null>;
  /**
   * Keeps a secret under a reference where there is none yet. One that is there stays as it is, also where two create it at once;
   * then, and where nothing can be written, throws SECRET_UNAVAILABLE.
   */
  create(reference: SecretReference, secret: Secret): Promise<void>;
  /** Calls when the document may have changed, at times without a reason; calling the answer ends it. Null: nobody tells. */
  watch(reference: SecretReference, changed: () => void): (() => void) | null;
  /** Ends what it started. Idempotent. */
  close(): Promise<void>;
}

/** Why `create` keeps nothing. */
export const THERE_ALREADY = 'there is one already, and it stays as it is';

/**
 * The error of every store. No cause is passed on where it may quote what was read: the message of a failed JSON.parse does.
 */
export const unavailable = (reference: SecretReference | string, reason: string, cause?: unknown): PostlaneError =>
  new PostlaneError(
    'SECRET_UNAVAILABLE',
    { reference: typeof reference === 'string' ? shownReference(reference) : reference.document, reason },
    cause === undefined ? undefined : { cause },
  );

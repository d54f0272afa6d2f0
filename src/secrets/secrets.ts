import type { Secret } from './secret.ts';

/**
 * What the rest of the program knows of secrets: references, and what they stand for now. Whoever uses one asks for it when it is
 * used, or is told of changes; nobody keeps a text.
 */
export interface Secrets {
  /**
   * The newest value that is known of a reference (docs/secrets.md). Read where it is not known yet; then throws SECRET_UNAVAILABLE
   * where it cannot be had, which names the reference and never the value. Later on the last good value is kept instead.
   */
  resolve(reference: string): Promise<Secret>;
  /** Reads it anew, beginning now, once for all who ask at once. Where that fails, the last good value. */
  reread(reference: string): Promise<Secret>;
  /** The value before the newest one, as its store keeps it; null where there is none or it cannot be had. */
  before(reference: string): Promise<Secret | null>;
  /**
   * Keeps a secret where there is none yet. Throws SECRET_UNAVAILABLE where there is one, which stays as it is, and where the
   * store cannot be written: environment variables, an edition that is pinned, a right that we lack.
   */
  create(reference: string, secret: Secret): Promise<void>;
  /** Calls after the value of any of the references has changed. Calling the answer ends it. */
  onChange(references: readonly string[], changed: () => void): () => void;
  /** Ends schedule and watches. Idempotent. */
  close(): Promise<void>;
}

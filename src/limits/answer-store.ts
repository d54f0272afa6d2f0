/**
 * Remembers what was done under an idempotency key, so that a repetition can be told from a mistake. What is kept is the
 * fingerprint of the request and not the answer: the answer follows from the request and the key alone.
 */
export type Claim =
  /** Nobody has done it: do it, and say how it went. `token` names this try. */
  | { readonly kind: 'fresh'; readonly token: string }
  /** The same request was answered before. */
  | { readonly kind: 'answered' }
  /** The same request is being worked on. */
  | { readonly kind: 'in-flight' }
  /** The key was used for another request. */
  | { readonly kind: 'other' };

export interface AnswerStore {
  /** Claims a key for a request with this fingerprint. */
  claim(key: string, fingerprint: string): Promise<Claim>;
  /** The claim's work is done: its repetitions are `answered` for as long as it is remembered. */
  keep(key: string, fingerprint: string, token: string): Promise<void>;
  /** The claim's work failed, or its end is not known: the same request may try again, another may not. */
  release(key: string, fingerprint: string, token: string): Promise<void>;
}

/** How long a claim is believed to be worked on when nothing is heard of it: whoever made it has died. */
export const CLAIM_MS_MAX = 30_000;
/** How long answers are remembered. */
export const ANSWER_MS = 24 * 3_600_000;

import { parseSecretReference } from '../domain/secret-reference.ts';
import { Secret } from '../secrets/secret.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { THERE_ALREADY, unavailable } from '../secrets/store.ts';

/** Secrets of a test: it says what they are, and when they change. */
export class MemorySecrets implements Secrets {
  private readonly values = new Map<string, { readonly now: Secret; readonly before: Secret | null }>();
  private readonly listeners = new Set<{ readonly references: readonly string[]; readonly changed: () => void }>();
  /** References in the order in which they were read anew. */
  readonly rereads: string[] = [];
  /** What the store says at the next read, which nobody was told of. */
  private readonly unseen = new Map<string, string>();

  constructor(values: Readonly<Record<string, string>> = {}) {
    for (const [reference, value] of Object.entries(values)) this.set(reference, value);
  }

  /** Everybody who follows it is told. */
  set(reference: string, value: string): void {
    this.values.set(reference, { now: Secret.of(value), before: this.values.get(reference)?.now ?? null });
    for (const listener of [...this.listeners]) if (listener.references.includes(reference)) listener.changed();
  }

  /** It has changed where it is kept, and nobody knows until it is read anew. */
  setUnseen(reference: string, value: string): void {
    this.unseen.set(reference, value);
  }

  async resolve(reference: string): Promise<Secret> {
    const found = this.values.get(reference);
    if (found) return found.now;
    throw unavailable(parseSecretReference(reference) ?? reference, 'there is no such secret');
  }

  async reread(reference: string): Promise<Secret> {
    this.rereads.push(reference);
    const unseen = this.unseen.get(reference);
    this.unseen.delete(reference);
    if (unseen !== undefined) this.set(reference, unseen);
    return this.resolve(reference);
  }

  async before(reference: string): Promise<Secret | null> {
    return this.values.get(reference)?.before ?? null;
  }

  async create(reference: string, secret: Secret): Promise<void> {
    if (this.values.has(reference)) {
      throw unavailable(parseSecretReference(reference) ?? reference, THERE_ALREADY);
    }
    this.set(reference, secret.text());
  }

  onChange(references: readonly string[], changed: () => void): () => void {
    const listener = { references, changed };
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}

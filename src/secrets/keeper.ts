import { PostlaneError } from '../domain/error.ts';
import { parseSecretReference, type SecretReference, type SecretScheme } from '../domain/secret-reference.ts';
import { SECOND_MS } from '../domain/time.ts';
import type { Clock, Telemetry } from '../runtime/ports.ts';
import type { Secret, SecretDocument } from './secret.ts';
import type { Secrets } from './secrets.ts';
import { type SecretStore, unavailable } from './store.ts';

export interface KeeperOptions {
  /** One per scheme that can be resolved, with what is said where there is none. */
  readonly stores: ReadonlyMap<SecretScheme, SecretStore>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** How often each document is read anew. */
  readonly refreshMs: number;
  /** In [0, 1): spreads the schedule, so that a thousand processes do not ask at once. */
  readonly chance: () => number;
}

/** Documents that one configuration can name; beyond it something makes them up. */
const DOCUMENTS_MAX = 10_000;
const JITTER_SHARE = 0.1;
/** After a failure it is looked again sooner than the schedule says. */
const FAILED_AGAIN_MS = 5 * SECOND_MS;

interface Known {
  readonly reference: SecretReference;
  document: SecretDocument;
  /** Reads in a row that failed. */
  failures: number;
  endWatch: (() => void) | null;
}

interface Reading {
  readonly done: Promise<SecretDocument>;
  /** Begins when `done` has ended, for whoever asked for a read that began later. */
  next: Promise<SecretDocument> | null;
}

/**
 * Keeps what the stores hold: reads each document when it is first asked for, then on a schedule, when its store says that it
 * changed, and when somebody asks for it because the value was refused. What cannot be read again keeps its last good value, since
 * a store that is away is no reason to drop a mail.
 */
export class SecretKeeper implements Secrets {
  private readonly options: KeeperOptions;
  private readonly known = new Map<string, Known>();
  private readonly readings = new Map<string, Reading>();
  private readonly listeners = new Set<{ readonly documents: ReadonlySet<string>; readonly changed: () => void }>();
  private readonly ending = new AbortController();
  private readonly schedules = new Set<Promise<void>>();

  constructor(options: KeeperOptions) {
    this.options = options;
  }

  async resolve(text: string): Promise<Secret> {
    const reference = parse(text);
    const known = this.known.get(reference.document);
    return valueIn(reference, known?.document ?? (await this.read(reference)));
  }

  async reread(text: string): Promise<Secret> {
    const reference = parse(text);
    return valueIn(reference, await this.readAnew(reference));
  }

  async before(text: string): Promise<Secret | null> {
    const reference = parse(text);
    try {
      const document = await this.storeOf(reference).read(reference, 'before');
      return document === null ? null : valueIn(reference, document);
    } catch {
      return null;
    }
  }

  async create(text: string, secret: Secret): Promise<void> {
    const reference = parse(text);
    if (reference.pinned !== null) throw unavailable(reference, 'only the newest edition can be written');
    await this.storeOf(reference).create(reference, secret);
  }

  onChange(references: readonly string[], changed: () => void): () => void {
    const listener = { documents: new Set(references.map((text) => parse(text).document)), changed };
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.ending.abort();
    for (const { endWatch } of this.known.values()) endWatch?.();
    await Promise.all(this.schedules);
    await Promise.all([...this.options.stores.values()].map((store) => store.close()));
    this.known.clear();
    this.listeners.clear();
  }

  /** Joins the read that is under way, or begins one. */
  private read(reference: SecretReference): Promise<SecretDocument> {
    const { document } = reference;
    const underWay = this.readings.get(document);
    if (underWay) return underWay.done;
    const done = this.attempt(reference).finally(() => this.readings.delete(document));
    this.readings.set(document, { done, next: null });
    return done;
  }

  /** A read that begins no earlier than now: one under way may have asked before the value changed. */
  private readAnew(reference: SecretReference): Promise<SecretDocument> {
    const underWay = this.readings.get(reference.document);
    if (!underWay) return this.read(reference);
    underWay.next ??= underWay.done.then(
      () => this.read(reference),
      () => this.read(reference),
    );
    return underWay.next;
  }

  private async attempt(reference: SecretReference): Promise<SecretDocument> {
    const known = this.known.get(reference.document);
    try {
      const document = await this.storeOf(reference).read(reference, 'newest');
      return known ? this.renew(known, document) : this.learn(reference, document);
    } catch (error) {
      this.count(reference, 'failed');
      if (!known) throw error;
      known.failures += 1;
      if (known.failures === 1) {
        const facts = { reference: reference.document, error };
        this.options.telemetry.log('warn', 'a secret cannot be read again; the last good value is used', facts);
      }
      this.tellStale();
      return known.document;
    }
  }

  private learn(reference: SecretReference, document: SecretDocument): SecretDocument {
    if (this.known.size >= DOCUMENTS_MAX) throw unavailable(reference, 'too many secrets');
    const known: Known = { reference, document, failures: 0, endWatch: null };
    this.known.set(reference.document, known);
    this.count(reference, 'read');
    if (this.ending.signal.aborted) return document;
    known.endWatch = this.storeOf(reference).watch(
      reference,
      () => void this.readAnew(reference).catch(() => undefined),
    );
    const schedule = this.follow(known).finally(() => this.schedules.delete(schedule));
    this.schedules.add(schedule);
    return document;
  }

  private renew(known: Known, document: SecretDocument): SecretDocument {
    const { reference } = known;
    if (known.failures > 0) {
      this.options.telemetry.log('info', 'a secret can be read again', { reference: reference.document });
      known.failures = 0;
      this.tellStale();
    }
    if (known.document.equals(document)) {
      this.count(reference, 'unchanged');
      return known.document;
    }
    known.document = document;
    this.count(reference, 'changed');
    this.options.telemetry.log('info', 'a secret has changed', {
      reference: reference.document,
      version: document.version,
    });
    // After the reading is over, so that whoever is told and asks again gets what is new.
    queueMicrotask(() => this.tellChanged(reference.document));
    return document;
  }

  private tellChanged(document: string): void {
    for (const { documents, changed } of [...this.listeners]) {
      if (!documents.has(document)) continue;
      try {
        changed();
      } catch (error) {
        this.options.telemetry.log('error', 'a change of a secret was not taken over', { reference: document, error });
      }
    }
  }

  private async follow(known: Known): Promise<void> {
    const { clock, refreshMs, chance } = this.options;
    const { signal } = this.ending;
    for (;;) {
      const spread = 1 + JITTER_SHARE * (2 * chance() - 1);
      const waitMs = known.failures > 0 ? Math.min(FAILED_AGAIN_MS, refreshMs) : refreshMs * spread;
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      await this.read(known.reference).catch(() => undefined);
    }
  }

  private storeOf(reference: SecretReference): SecretStore {
    const store = this.options.stores.get(reference.scheme);
    if (store) return store;
    throw unavailable(reference, `secrets.${reference.scheme} is not configured`);
  }

  private count({ scheme }: SecretReference, what: string): void {
    this.options.telemetry.count('postlane_secret_reads_total', { scheme, what });
  }

  private tellStale(): void {
    for (const scheme of this.options.stores.keys()) {
      const stale = [...this.known.values()].filter(
        (one) => one.reference.scheme === scheme && one.failures > 0,
      ).length;
      this.options.telemetry.gauge('postlane_secrets_stale', stale, { scheme });
    }
  }
}

/** What stands where a reference belongs may be the secret itself: it is not repeated. */
function parse(text: string): SecretReference {
  const reference = parseSecretReference(text);
  if (reference !== null) return reference;
  const reason = 'not a reference of the form vault:…, aws-sm:…, file:… or env:…';
  throw new PostlaneError('SECRET_UNAVAILABLE', { reference: '(not shown)', reason });
}

function valueIn(reference: SecretReference, document: SecretDocument): Secret {
  const value = document.value(reference.field);
  if (value !== null) return value;
  throw unavailable(
    reference,
    reference.field === null ? 'it names no field, and has no "value"' : 'it has no such field',
  );
}

import { assert } from '../domain/error.ts';

const HIDDEN = '[secret]';
const NEWLINE = 10;
const RETURN = 13;

/**
 * A secret in memory. Its bytes lie outside of the heap that a snapshot shows, and no way of printing, logging or serialising it
 * shows them. Whoever asks for the text must not keep it: strings cannot be wiped and are seen in snapshots until collected.
 */
export class Secret {
  readonly #bytes: Buffer;

  /** Copies the bytes, so that the giver can wipe its own. */
  constructor(bytes: Uint8Array) {
    // Not from the shared pool, whose neighbours outlive it.
    this.#bytes = Buffer.alloc(bytes.length);
    this.#bytes.set(bytes);
  }

  static of(text: string): Secret {
    const bytes = Buffer.from(text, 'utf8');
    const secret = new Secret(bytes);
    bytes.fill(0);
    return secret;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** A copy, to be wiped by whoever asked for it. */
  bytes(): Buffer {
    const copy = Buffer.alloc(this.#bytes.length);
    copy.set(this.#bytes);
    return copy;
  }

  text(): string {
    return this.#bytes.toString('utf8');
  }

  /** One secret per line that is not empty: the newest stands first. */
  lines(): readonly Secret[] {
    const lines: Secret[] = [];
    let start = 0;
    for (let at = 0; at <= this.#bytes.length; at++) {
      if (at < this.#bytes.length && this.#bytes[at] !== NEWLINE) continue;
      const end = at > start && this.#bytes[at - 1] === RETURN ? at - 1 : at;
      if (end > start) lines.push(new Secret(this.#bytes.subarray(start, end)));
      start = at + 1;
    }
    return lines;
  }

  /** Without the line break that editors and `echo` put at the end. */
  withoutLastBreak(): Secret {
    let end = this.#bytes.length;
    if (this.#bytes[end - 1] === NEWLINE) end -= this.#bytes[end - 2] === RETURN ? 2 : 1;
    return end === this.#bytes.length ? this : new Secret(this.#bytes.subarray(0, end));
  }

  equals(other: Secret): boolean {
    return this.#bytes.equals(other.#bytes);
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}

/** A document of a store, read at one moment: one value, or several under names. */
export class SecretDocument {
  /** What the store calls this edition: for people. Null where it has no name for it. */
  readonly version: string | null;
  private readonly whole: Secret | null;
  private readonly fields: ReadonlyMap<string, Secret>;

  constructor(version: string | null, whole: Secret | null, fields: ReadonlyMap<string, Secret> = new Map()) {
    assert(whole !== null || fields.size > 0, 'a document holds something');
    this.version = version;
    this.whole = whole;
    this.fields = fields;
  }

  /** Null where there is none of that name. */
  value(field: string | null): Secret | null {
    return field === null ? this.whole : (this.fields.get(field) ?? null);
  }

  get names(): readonly string[] {
    return [...this.fields.keys()];
  }

  /** Whether both hold the same values, whatever their versions are called. */
  equals(other: SecretDocument): boolean {
    if ((this.whole === null) !== (other.whole === null)) return false;
    if (this.whole !== null && other.whole !== null && !this.whole.equals(other.whole)) return false;
    if (this.fields.size !== other.fields.size) return false;
    return [...this.fields].every(([name, value]) => other.fields.get(name)?.equals(value) === true);
  }
}

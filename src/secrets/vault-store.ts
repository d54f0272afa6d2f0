import type { SecretReference } from '../domain/secret-reference.ts';
import type { JsonAnswer } from './json-request.ts';
import { Secret, SecretDocument } from './secret.ts';
import { SECRET_BYTES_MAX, type SecretStore, THERE_ALREADY, unavailable } from './store.ts';
import { objectAt, refusalOf, type VaultSession } from './vault-session.ts';

/** Taken where a reference names no field. */
const FIELD_DEFAULT = 'value';

/** Secrets in a KV engine of version 2, which keeps editions. */
export class VaultStore implements SecretStore {
  readonly scheme = 'vault';
  private readonly session: VaultSession;

  constructor(session: VaultSession) {
    this.session = session;
  }

  read(reference: SecretReference, edition: 'newest'): Promise<SecretDocument>;
  read(reference: SecretReference, edition: 'before'): Promise<SecretDocument | null>;
  async read(reference: SecretReference, edition: 'newest' | 'before'): Promise<SecretDocument | null> {
    if (edition === 'newest') return this.version(reference, reference.pinned?.value ?? null);
    if (reference.pinned !== null) return null;
    const newest = await this.version(reference, null);
    const before = Number(newest.version) - 1;
    if (!(before >= 1)) return null;
    // It may have been deleted since, or never been kept: then there is none.
    return this.version(reference, String(before)).catch(() => null);
  }

  /** Other fields of the document stay. Vault itself refuses where it has changed since it was read. */
  async create(reference: SecretReference, secret: Secret): Promise<void> {
    const path = pathOf(reference);
    const found = await this.ask(reference, () => this.session.get(path));
    if (found.status !== 200 && found.status !== 404) throw unavailable(reference, refusalOf(found).message);
    const metadata = objectAt(objectAt(found.body, 'data'), 'metadata');
    const fields = objectAt(objectAt(found.body, 'data'), 'data') ?? {};
    const field = reference.field ?? FIELD_DEFAULT;
    if (Object.hasOwn(fields, field)) throw unavailable(reference, THERE_ALREADY);
    const data = { ...fields, [field]: secret.text() };
    const options = { cas: Number(metadata?.version ?? 0) };
    const answer = await this.ask(reference, () => this.session.post(path, { options, data }));
    if (answer.status !== 200 && answer.status !== 204) throw unavailable(reference, refusalOf(answer).message);
  }

  private async version(reference: SecretReference, version: string | null): Promise<SecretDocument> {
    const query = version === null ? '' : `?version=${version}`;
    const answer = await this.ask(reference, () => this.session.get(`${pathOf(reference)}${query}`));
    if (answer.status === 404) throw unavailable(reference, notFound(answer.body));
    if (answer.status !== 200) throw unavailable(reference, refusalOf(answer).message);
    const found = objectAt(answer.body, 'data');
    const data = objectAt(found, 'data');
    const metadata = objectAt(found, 'metadata');
    if (data === undefined || metadata === undefined) {
      throw unavailable(reference, 'the answer is none of a KV engine of version 2');
    }
    const fields = new Map<string, Secret>();
    for (const [name, value] of Object.entries(data)) {
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      const secret = Secret.of(String(value)).withoutLastBreak();
      if (secret.length > SECRET_BYTES_MAX) throw unavailable(reference, `longer than ${SECRET_BYTES_MAX} bytes`);
      if (secret.length > 0) fields.set(name, secret);
    }
    if (fields.size === 0) throw unavailable(reference, 'it holds no text');
    return new SecretDocument(String(metadata.version ?? ''), fields.get(FIELD_DEFAULT) ?? null, fields);
  }

  private async ask(reference: SecretReference, asked: () => Promise<JsonAnswer>): Promise<JsonAnswer> {
    try {
      return await asked();
    } catch (cause) {
      throw unavailable(reference, cause instanceof Error ? cause.message : 'Vault cannot be asked');
    }
  }

  watch(): null {
    return null;
  }

  close(): Promise<void> {
    return this.session.close();
  }
}

function pathOf({ name }: SecretReference): string {
  const [mount = '', ...path] = name.split('/');
  return `${decoded(mount)}/data/${path.map((segment) => encodeURIComponent(decoded(segment))).join('/')}`;
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

/** A deleted version is told with its metadata, a missing one without. */
function notFound(body: unknown): string {
  const metadata = objectAt(objectAt(body, 'data'), 'metadata');
  if (metadata === undefined) return 'there is no such secret';
  return metadata.destroyed === true ? 'its version is destroyed' : 'its version is deleted';
}

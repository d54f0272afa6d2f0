import { parseSecretReference, type SecretReference } from '../../src/domain/secret-reference.ts';
import { Secret } from '../../src/secrets/secret.ts';
import type { SecretStore } from '../../src/secrets/store.ts';

/** What a suite does to the place where the secrets are kept. */
export interface StoreWorld {
  readonly store: SecretStore;
  /** A reference to a document that is not there until it is put. */
  reference(name: string): string;
  put(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Nothing can be read until it is called with false. Null: this place cannot be away. */
  readonly away: ((isAway: boolean) => Promise<void>) | null;
  /** Each document has other values beside the one that is put. */
  readonly holdsSeveral: boolean;
  /** It can be written, too. */
  readonly canWrite: boolean;
  /** Editions are kept. */
  readonly keepsEditions: boolean;
  close(): Promise<void>;
}

const VALUE = 'correct horse battery staple';

export const parsed = (text: string): SecretReference => {
  const reference = parseSecretReference(text);
  if (reference === null) throw new Error(`${text} is no reference`);
  return reference;
};

/** The contract of the port: run over every implementation. */
export function secretStoreContract(open: () => Promise<StoreWorld>): void {
  let world: StoreWorld;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(async () => {
    await world.close();
  });
  const reference = (name: string) => parsed(world.reference(name));
  const textOf = async (name: string): Promise<string | undefined> =>
    (await world.store.read(reference(name), 'newest')).value(reference(name).field)?.text();
  const failure = (name: string) =>
    world.store.read(reference(name), 'newest').then(
      () => {
        throw new Error('it was read');
      },
      (error) => error,
    );

  it('reads a value as it was put, without a line break at its end', async () => {
    await world.put('a', `${VALUE} ü\nline 2\n`);
    expect(await textOf('a')).toBe(`${VALUE} ü\nline 2`);
  });

  it('reads anew every time', async () => {
    await world.put('a', 'old');
    expect(await textOf('a')).toBe('old');
    await world.put('a', 'new');
    expect(await textOf('a')).toBe('new');
  });

  it('tells two editions apart, and the same value from none', async () => {
    await world.put('a', 'one');
    const one = await world.store.read(reference('a'), 'newest');
    const again = await world.store.read(reference('a'), 'newest');
    await world.put('a', 'two');
    const two = await world.store.read(reference('a'), 'newest');
    expect(one.equals(again)).toBe(true);
    expect(one.equals(two)).toBe(false);
  });

  it('names the reference where there is no such secret', async () => {
    const error = await failure('missing');
    expect(error).toMatchObject({ code: 'SECRET_UNAVAILABLE', facts: { reference: reference('missing').document } });
    expect(error.facts.reason).toMatch(/\S/);
  });

  it('says so where it was taken away', async () => {
    await world.put('a', VALUE);
    await world.remove('a');
    expect(await failure('a')).toMatchObject({ code: 'SECRET_UNAVAILABLE' });
  });

  it('takes what is empty for none, and does without it', async () => {
    await world.put('a', '\n');
    // A document of several values may hold others.
    expect(await textOf('a').catch((error) => error.code)).toBe(world.holdsSeveral ? undefined : 'SECRET_UNAVAILABLE');
  });

  it('keeps the edition before, or says that it keeps none', async () => {
    await world.put('a', 'one');
    expect(await world.store.read(reference('a'), 'before')).toBeNull();
    await world.put('a', 'two');
    const before = await world.store.read(reference('a'), 'before');
    expect(before?.value(reference('a').field)?.text()).toBe(world.keepsEditions ? 'one' : undefined);
  });

  it('fails in time while its place is away, and works again afterwards', async () => {
    if (world.away === null) return;
    await world.put('a', VALUE);
    await world.away(true);
    expect(await failure('a')).toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    await world.away(false);
    expect(await textOf('a')).toBe(VALUE);
  });

  it('shows nothing of a value in any error or print', async () => {
    await world.put('a', VALUE);
    const document = await world.store.read(reference('a'), 'newest');
    const secret = document.value(reference('a').field);
    const { inspect } = await import('node:util');
    const shown = [String(secret), JSON.stringify({ secret, document }), inspect({ secret, document }, { depth: 10 })];
    await world.remove('a');
    const error = await failure('a');
    for (const text of [...shown, inspect(error, { depth: 10 }), JSON.stringify(error.facts)]) {
      expect(text).not.toContain(VALUE);
    }
    expect(secret?.text()).toBe(VALUE);
  });

  it('keeps a secret that it is given, and never in the place of another', async () => {
    const text = `${VALUE} ü\nline 2`;
    if (!world.canWrite) {
      await expect(world.store.create(reference('a'), Secret.of(text))).rejects.toMatchObject({
        code: 'SECRET_UNAVAILABLE',
        facts: { reference: reference('a').document, reason: expect.stringMatching(/cannot be written/) },
      });
      return;
    }
    await world.store.create(reference('a'), Secret.of(text));
    expect(await textOf('a')).toBe(text);
    const again = await world.store.create(reference('a'), Secret.of('other')).catch((error) => error);
    expect(again).toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      facts: { reason: expect.stringMatching(/there is one already/) },
    });
    expect(await textOf('a')).toBe(text);
  });

  it('keeps one of two that are given at once', async () => {
    if (!world.canWrite) return;
    const given = ['one', 'two', 'three'];
    const kept = await Promise.allSettled(given.map((text) => world.store.create(reference('b'), Secret.of(text))));
    const winners = given.filter((_, n) => kept[n]?.status === 'fulfilled');
    expect(winners).toEqual([await textOf('b')]);
  });

  it('stops at once', async () => {
    await world.put('a', VALUE);
    await textOf('a');
    await world.store.close();
    await world.store.close();
  });
}

import { inspect } from 'node:util';
import type { SecretReference } from '../../../src/domain/secret-reference.ts';
import { follow } from '../../../src/secrets/follow.ts';
import { SecretKeeper } from '../../../src/secrets/keeper.ts';
import { Secret, SecretDocument } from '../../../src/secrets/secret.ts';
import { type SecretStore, unavailable } from '../../../src/secrets/store.ts';
import { MemorySecrets } from '../../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { settled, VirtualClock } from '../../../src/testing/virtual-clock.ts';

const REFERENCE = 'file:/run/secrets/relay';

/** A store whose every read the test answers, or lets run at once. */
class ScriptedStore implements SecretStore {
  readonly scheme = 'file';
  value: string | null = 'one';
  reads = 0;
  /** Reads that wait for it. */
  gate: Promise<void> = Promise.resolve();
  told: (() => void) | null = null;
  closed = 0;

  read(reference: SecretReference, edition: 'newest'): Promise<SecretDocument>;
  read(reference: SecretReference, edition: 'before'): Promise<SecretDocument | null>;
  async read(reference: SecretReference): Promise<SecretDocument> {
    this.reads++;
    const { value } = this;
    await this.gate;
    if (value === null) throw unavailable(reference, 'away');
    const fields = new Map([['user', Secret.of(`user of ${value}`)]]);
    return new SecretDocument(value, Secret.of(value), fields);
  }

  async create(): Promise<void> {}

  watch(_: SecretReference, changed: () => void): () => void {
    this.told = changed;
    return () => {
      this.told = null;
    };
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

function start() {
  const clock = new VirtualClock();
  const telemetry = new RecordingTelemetry();
  const store = new ScriptedStore();
  const stores = new Map([['file' as const, store]]);
  const keeper = new SecretKeeper({ stores, clock, telemetry, refreshMs: 60_000, chance: () => 0.5 });
  return { clock, telemetry, store, keeper };
}
const textOf = async (secret: Promise<Secret>): Promise<string> => (await secret).text();

describe('the keeper', () => {
  it('reads once, however many ask at once and later', async () => {
    const { keeper, store } = start();
    await Promise.all([keeper.resolve(REFERENCE), keeper.resolve(REFERENCE)]);
    await keeper.resolve(REFERENCE);
    expect(store.reads).toBe(1);
    await keeper.close();
  });

  it('reads on a schedule, whoever asks, and tells what changed', async () => {
    const { keeper, store, clock } = start();
    let changes = 0;
    keeper.onChange([REFERENCE], () => changes++);
    expect(await textOf(keeper.resolve(REFERENCE))).toBe('one');
    await clock.advance(60_000);
    await settled();
    expect([store.reads, changes]).toEqual([2, 0]);
    store.value = 'two';
    await clock.advance(60_000);
    await settled();
    expect([store.reads, changes]).toEqual([3, 1]);
    expect(await textOf(keeper.resolve(REFERENCE))).toBe('two');
    await keeper.close();
  });

  it('reads when its store says that it changed', async () => {
    const { keeper, store } = start();
    await keeper.resolve(REFERENCE);
    store.value = 'two';
    store.told?.();
    await settled();
    expect(await textOf(keeper.resolve(REFERENCE))).toBe('two');
    await keeper.close();
  });

  it('reads anew for whoever was refused, beginning after the refusal', async () => {
    const { keeper, store } = start();
    await keeper.resolve(REFERENCE);
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => {
      open = resolve;
    });
    const early = keeper.reread(REFERENCE); // has asked the store before the rotation
    await settled();
    store.value = 'two';
    const late = [keeper.reread(REFERENCE), keeper.reread(REFERENCE)];
    open();
    expect(await textOf(early)).toBe('one');
    expect(await Promise.all(late.map(textOf))).toEqual(['two', 'two']);
    expect(store.reads).toBe(3);
    await keeper.close();
  });

  it('keeps the last good value while its store is away, says so once, and looks again soon', async () => {
    const { keeper, store, clock, telemetry } = start();
    await keeper.resolve(REFERENCE);
    store.value = null;
    await clock.advance(60_000);
    await settled();
    await clock.advance(10_000);
    await settled();
    expect(store.reads).toBe(4);
    expect(await textOf(keeper.resolve(REFERENCE))).toBe('one');
    expect(await textOf(keeper.reread(REFERENCE))).toBe('one');
    expect(telemetry.logged.filter(({ level }) => level === 'warn')).toHaveLength(1);
    store.value = 'two';
    await clock.advance(5_000);
    await settled();
    expect(await textOf(keeper.resolve(REFERENCE))).toBe('two');
    await keeper.close();
  });

  it('does not begin without a value', async () => {
    const { keeper, store } = start();
    store.value = null;
    await expect(keeper.resolve(REFERENCE)).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
    store.value = 'one';
    expect(await textOf(keeper.resolve(REFERENCE))).toBe('one');
    await keeper.close();
  });

  it('never repeats what stands where a reference belongs', async () => {
    const { keeper } = start();
    const error = await keeper.resolve('hunter2').catch((caught) => caught);
    expect(inspect(error)).not.toContain('hunter2');
    await expect(keeper.resolve('vault:kv/relay#x')).rejects.toMatchObject({
      facts: { reason: 'secrets.vault is not configured' },
    });
    await keeper.close();
  });

  it('ends its schedule and its watches', async () => {
    const { keeper, store, clock } = start();
    await keeper.resolve(REFERENCE);
    await keeper.close();
    expect([store.told, store.closed, clock.nextWake()]).toEqual([null, 1, null]);
  });
});

describe('what is made of secrets', () => {
  const begin = async (secrets: MemorySecrets, telemetry = new RecordingTelemetry()) => {
    const followed = await follow({
      secrets,
      telemetry,
      what: 'verp',
      references: ['file:key'],
      async build() {
        const text = (await secrets.resolve('file:key')).text();
        if (text.length < 4) throw new Error('too short');
        return text.toUpperCase();
      },
    });
    return { followed, telemetry };
  };

  it('is made again when they change', async () => {
    const secrets = new MemorySecrets({ 'file:key': 'first' });
    const { followed } = await begin(secrets);
    secrets.set('file:key', 'second');
    secrets.set('file:key', 'third');
    await settled();
    expect(followed.current).toBe('THIRD');
    followed.stop();
    secrets.set('file:key', 'fourth');
    await settled();
    expect(followed.current).toBe('THIRD');
  });

  it('stays as it was where the new ones are no good, which is an alarm', async () => {
    const secrets = new MemorySecrets({ 'file:key': 'first' });
    const { followed, telemetry } = await begin(secrets);
    secrets.set('file:key', 'bad');
    await settled();
    expect(followed.current).toBe('FIRST');
    expect(telemetry.logged.map(({ level }) => level)).toEqual(['error']);
    secrets.set('file:key', 'good');
    await settled();
    expect(followed.current).toBe('GOOD');
  });

  it('does not begin with what is no good', async () => {
    await expect(begin(new MemorySecrets({ 'file:key': 'bad' }))).rejects.toThrow('too short');
  });
});

describe('a secret', () => {
  it('has lines', () => {
    expect(
      Secret.of('new\r\nold\n\n')
        .lines()
        .map((line) => line.text()),
    ).toEqual(['new', 'old']);
    expect(
      Secret.of('one')
        .lines()
        .map((line) => line.text()),
    ).toEqual(['one']);
  });

  it('does not show itself', () => {
    const secret = Secret.of('correct horse');
    for (const shown of [`${secret}`, JSON.stringify({ secret }), inspect(secret), inspect([secret])]) {
      expect(shown).toContain('[secret]');
      expect(shown).not.toContain('correct');
    }
  });
});

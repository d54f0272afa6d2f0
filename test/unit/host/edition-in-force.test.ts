import { topics } from '../../../src/contracts/topic.ts';
import { EDITIONS_KEY, FIRST_EDITION } from '../../../src/domain/edition.ts';
import { Editions } from '../../../src/host/edition-in-force.ts';
import { MemoryCodec } from '../../../src/testing/memory-codec.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';

describe('the edition that look-ups go to', () => {
  const codec = new MemoryCodec();
  const clock = new VirtualClock();
  let currentAt = clock.now();
  let offset = 0;
  const open = () =>
    new Editions({ codec, clock, telemetry: new RecordingTelemetry(), stalenessMs: () => clock.now() - currentAt });
  const put = async (editions: Editions, active: number) => {
    const value = codec.encode(topics.reputationEditions, { ...FIRST_EDITION, active });
    const record = { offset, key: Buffer.from(EDITIONS_KEY), value, headers: {}, at: 0 };
    await editions.store.apply(0, [record], ++offset);
  };

  it('is at once the one that was in force at the start', async () => {
    const editions = open();
    await put(editions, 3);
    editions.begin();
    expect(editions.prefix()).toBe('g3/');
  });

  it('follows a switch once the tables hold what was written before it, counted from when it was read', async () => {
    const editions = open();
    editions.begin();
    const switchedAt = clock.now();
    currentAt = switchedAt - 1;
    await put(editions, 1);
    await clock.advance(1_000);
    expect(editions.prefix()).toBe('');
    // Nobody has looked anything up since: the first one who does goes to the new edition.
    currentAt = switchedAt;
    expect(editions.prefix()).toBe('g1/');
  });

  it('does so also where nobody looked anything up between the switch and the tables being current', async () => {
    const editions = open();
    editions.begin();
    currentAt = clock.now() - 1;
    await put(editions, 2);
    await clock.advance(5_000);
    currentAt = clock.now() - 1;
    expect(editions.prefix()).toBe('g2/');
    await put(editions, 0);
    expect(editions.prefix()).toBe('g2/');
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { REPUTATION_RULES } from '../../../processors/reputation/index.ts';
import { FIELDS_FOLDED } from '../../../processors/reputation/step.ts';
import { ALL_TABLES } from '../../../src/cli/replay/live-tables.ts';
import { SideFold } from '../../../src/cli/replay/side-fold.ts';
import type { ReputationSignal } from '../../../src/contracts/generated.ts';
import { type Topic, topics } from '../../../src/contracts/topic.ts';
import { signal } from '../../../src/domain/results.ts';
import { recipientSubject } from '../../../src/domain/suppression.ts';
import { HOUR_MS } from '../../../src/domain/time.ts';
import type { Codec } from '../../../src/runtime/codec.ts';
import type { StoredRecord } from '../../../src/runtime/ports.ts';
import { SideTables } from '../../../src/store/side-tables.ts';
import { identityEvents } from '../../support/identity-events.ts';
import { json, jsonCodec } from '../../support/json-codec.ts';

const END = 1_700_000_000_000;

const recipientEvents = fc.array(
  fc.record({ address: fc.constantFrom('a@x.example', 'b@x.example'), ago: fc.nat({ max: HOUR_MS }) }).map(
    ({ address, ago }): ReputationSignal => ({
      ...signal({
        eventId: `bounced-${address}-${ago}`,
        subject: recipientSubject(address),
        kind: 'bounced',
        at: END - ago,
        tenant: 'default',
        type: 'marketing',
      }),
      ...{ smtpCode: 550, enhancedCode: '5.1.1', reply: 'no such mailbox' },
    }),
  ),
  { maxLength: 10 },
);

/** Reads of a signal what a replay reads of it. */
const partialCodec: Codec = {
  ...jsonCodec,
  decode(topic: Topic<unknown>, value) {
    const decoded = jsonCodec.decode<never>(topic as never, value);
    if (!decoded.ok || topic.name !== topics.reputation.name) return decoded;
    const fields = Object.entries(decoded.value).filter(([name]) => FIELDS_FOLDED.some((folded) => folded === name));
    return { ok: true, value: Object.fromEntries(fields) as never };
  },
};

/** A log in order of time. */
const logArbitrary = fc
  .tuple(identityEvents(END, HOUR_MS, 30), recipientEvents)
  .map(([left, right]) => [...left, ...right].toSorted((a, b) => a.at - b.at))
  .map((events) =>
    events.map(
      (event, offset): StoredRecord => ({
        offset,
        key: Buffer.from(event.subject),
        value: json(event),
        headers: {},
        at: event.at,
      }),
    ),
  );

describe('the fold of a replay', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-side-fold-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));

  const rowsOf = (tables: SideTables) =>
    ALL_TABLES.flatMap(({ name }) => [...tables.rowsOf(name)].map(({ key, value }) => [name, key, String(value)]));

  it('comes to the same rows wherever it was killed, and whatever was written by then', async () => {
    const act = fc.constantFrom('fold', 'fold', 'fold', 'write', 'kill');
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(logArbitrary, fc.array(act, { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), run),
      { numRuns: 20 },
    );

    async function run(records: readonly StoredRecord[], acts: readonly string[], batchSize: number): Promise<void> {
      const calm = await SideTables.open(join(directory, `calm-${++runs}`));
      const stormy = await SideTables.open(join(directory, `stormy-${runs}`));
      const begin = (tables: SideTables) => new SideFold(tables, partialCodec, REPUTATION_RULES, 0);
      const whole = new SideFold(calm, jsonCodec, REPUTATION_RULES, 0);
      await whole.apply(records);
      await whole.finish(records.length);

      let fold = begin(stormy);
      let position = 0;
      const step = async () => {
        await fold.apply(records.slice(position, position + batchSize));
        position = Math.min(records.length, position + batchSize);
      };
      for (const one of acts) {
        if (one === 'fold') await step();
        else if (one === 'write') await fold.flush();
        else {
          fold = begin(stormy);
          position = fold.nextOffset() ?? 0;
        }
      }
      while (position < records.length) await step();
      await fold.finish(records.length);

      expect(rowsOf(stormy)).toEqual(rowsOf(calm));
      expect(fold.nextOffset()).toBe(records.length === 0 ? undefined : records.length);
      await calm.close();
      await stormy.close();
    }
  }, 60_000);
});

import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { Evidence, Suppression } from '../../../src/contracts/generated.ts';
import { schemas } from '../../../src/contracts/generated.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { SuppressionPacking } from '../../../src/store/packed-suppression.ts';
import { RepeatedStrings } from '../../../src/store/repeated-strings.ts';
import { MemoryCodec } from '../../../src/testing/memory-codec.ts';
import { anyCharacter } from '../../support/any-text.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(120_000);

const topic = topics.suppressions;
const codec = new MemoryCodec();
const packing = new SuppressionPacking();

interface Field {
  readonly name: string;
  readonly type: unknown;
}
interface Symbols {
  readonly symbols: readonly string[];
}
const [rowFields] = [JSON.parse(schemas.Suppression).fields as readonly Field[]];
const fieldNamed = (fields: readonly Field[], name: string) => fields.find((field) => field.name === name) as Field;
const evidenceFields = (fieldNamed(rowFields, 'evidence').type as { items: { fields: readonly Field[] } }).items.fields;
const severities = (fieldNamed(rowFields, 'severity').type as Symbols).symbols as readonly Suppression['severity'][];
const types = (fieldNamed(rowFields, 'type').type as [string, Symbols])[1].symbols as readonly NonNullable<
  Suppression['type']
>[];
const kinds = (fieldNamed(evidenceFields, 'kind').type as Symbols).symbols as readonly Evidence['kind'][];

/** Whatever a double of a `long` may be, and what times are. */
const time = fc.oneof(
  fc.integer({ min: 1_500_000_000_000, max: 1_900_000_000_000 }),
  fc.integer({ min: -5, max: 5 }),
  // Beyond, avsc writes none.
  fc.integer({ min: -(2 ** 53 - 3), max: 2 ** 53 - 3 }),
);
const text = fc.oneof(
  fc.constantFrom('', 'default', 'hard', 'RFC 3463: no such mailbox', 'é', '550 5.1.1'),
  fc.string({ unit: anyCharacter, maxLength: 40 }),
  fc.string({ minLength: 250, maxLength: 300 }),
);
const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 0, maxLength: 70 });
const eventId = fc.oneof(
  text,
  fc
    .tuple(
      fc.constantFrom('', 'bounced:', 'bounced:email.send.transactional.gmail/3/', 'import:x:', ':', '/'),
      fc.oneof(
        fc.uuid(),
        fc.uuid().map((id) => id.toUpperCase()),
        hex,
        fc.nat().map(String),
        fc.constantFrom('0', '00', '007', '99999999999999', '100000000000000'),
        fc.bigInt({ min: 0n }).map(String),
        text,
      ),
    )
    .map((parts) => parts.join('')),
);
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const evidence = fc.record<Evidence>({
  eventId,
  kind: fc.constantFrom(...kinds),
  at: time,
  class: orNull(text),
  ruleVersion: orNull(text),
  severity: fc.constantFrom(...severities),
  binds: fc.boolean(),
  until: orNull(time),
  tenant: orNull(text),
  type: orNull(fc.constantFrom(...types)),
  who: orNull(text),
  why: orNull(text),
});
const anyRow = fc.record<Suppression>({
  subject: fc.oneof(
    text,
    fc.emailAddress().map((address) => `recipient:${address}`),
  ),
  active: fc.boolean(),
  severity: fc.constantFrom(...severities),
  since: time,
  until: orNull(time),
  tenant: orNull(text),
  type: orNull(fc.constantFrom(...types)),
  evidence: fc.oneof(
    fc.array(evidence, { maxLength: 4 }),
    // As the fold makes them: since when is when its first evidence was.
    fc.array(evidence, { maxLength: 1 }),
  ),
});

/** Of the common form, and short: damage is seen rather than lost in it. */
const plainRow = fc
  .tuple(fc.nat(99), fc.array(fc.nat(3), { maxLength: 2 }), fc.boolean())
  .map(([n, ids, binds]): Suppression => {
    const [first] = usual(n).evidence as [Evidence];
    return { ...usual(n), evidence: ids.map((id) => ({ ...first, eventId: `b:${id}`, binds, why: null, class: 'c' })) };
  });

const targetFor = (value: Buffer) => Buffer.alloc(2 * value.length + 16);

/** What is read of a value that is packed and read again; null where it is not packed. */
function again(key: string, value: Buffer, strings: RepeatedStrings): Suppression | null {
  const target = targetFor(value);
  const end = packing.pack(Buffer.from(key), value, target, 1, strings);
  // Behind its end nothing is read.
  return end < 0 ? null : packing.unpack(key, Buffer.from(target.subarray(0, end)), 1, strings);
}

const usual = (n: number, why = 'RFC 3463: no such mailbox'): Suppression => ({
  subject: `recipient:someone${n}@mail.example`,
  active: true,
  severity: 'hard_bounce',
  since: 1_700_000_000_000 + n,
  until: null,
  tenant: 'default',
  type: 'marketing',
  evidence: [
    {
      eventId: `bounced:email.send.marketing.gmail/3/${1_000_000 + n}`,
      kind: 'bounced',
      at: 1_700_000_000_000 + n,
      class: 'hard.invalid-recipient',
      ruleVersion: 'builtin-1',
      severity: 'hard_bounce',
      binds: true,
      until: null,
      tenant: 'default',
      type: 'marketing',
      who: null,
      why,
    },
  ],
});

describe('a packed suppression', () => {
  it('holds all that the codec decodes, under whatever key, with whatever strings known before', () => {
    let packed = 0;
    const strings = new RepeatedStrings();
    const prefix = fc.constantFrom('', 'g2/', 'é/', 'g'.repeat(150), null);
    fc.assert(
      fc.property(anyRow, prefix, (row, before) => {
        const value = codec.encode(topic, row);
        const read = again(before === null ? 'another' : before + row.subject, value, strings);
        if (read === null) return;
        packed++;
        const decoded = codec.decode(topic, value);
        expect(decoded).toEqual({ ok: true, value: read });
        expect(read).toEqual(row);
        // An object with the same fields in the same order: rows are compared as JSON here and there.
        expect(JSON.stringify(read)).toBe(JSON.stringify(row));
      }),
      { numRuns: 1_000 },
    );
    expect(packed).toBeGreaterThan(200);
  });

  it('packs every row whose times are times', () => {
    const within = (at: number | null) => at === null || Math.abs(at) <= 2 ** 50;
    fc.assert(
      fc.property(anyRow, (row) => {
        const times = [row.since, row.until, ...row.evidence.flatMap(({ at, until }) => [at, until])];
        fc.pre(times.every(within));
        expect(again(row.subject, codec.encode(topic, row), new RepeatedStrings())).toEqual(row);
      }),
    );
  });

  it('packs nothing that the codec does not read, and reads the same of what was damaged', () => {
    const strings = new RepeatedStrings();
    // Ends and what comes right behind them, more often than they would be by chance.
    const place = fc.oneof(fc.nat(), fc.nat(3));
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 4 }));
    const damage = fc.array(fc.tuple(place, byte), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(plainRow, damage, fc.constantFrom(0, 0, 0, 0, 1, -1), (row, changes, longer) => {
        const whole = codec.encode(topic, row);
        const value = Buffer.concat([whole, Buffer.alloc(1)]).subarray(0, whole.length + longer);
        for (const [back, byte] of changes) value[value.length - 1 - (back % (value.length - 5))] = byte;
        // The key of a row is text; what is damaged in the subject makes it another one.
        const read = again(row.subject, value, strings);
        if (read !== null) expect(codec.decode(topic, value)).toEqual({ ok: true, value: read });
      }),
      { numRuns: 1_500 },
    );
  });

  it('takes a sixth of the bytes of the usual row, once its strings are known', () => {
    const strings = new RepeatedStrings();
    const sizes = [0, 1, 2].map((n) => {
      const value = codec.encode(topic, usual(n));
      return packing.pack(Buffer.from(usual(n).subject), value, targetFor(value), 0, strings) / value.length;
    });
    expect(sizes[2]).toBeLessThan(1 / 6);
  });

  it('gives no number to words that are in one row only, and keeps those that it gave', () => {
    const strings = new RepeatedStrings();
    for (let n = 0; n < 3; n++)
      expect(again('k', codec.encode(topic, usual(n, `because of ${n}`)), strings)).not.toBeNull();
    const saved = strings.toSave().map(({ bytes }) => bytes.toString());
    expect(saved).toEqual(expect.arrayContaining(['default', 'builtin-1']));
    expect(saved.filter((one) => one.startsWith('because'))).toEqual([]);
    const loaded = new RepeatedStrings();
    for (const { bytes } of strings.toSave()) loaded.load(bytes);
    const value = codec.encode(topic, usual(9));
    const target = targetFor(value);
    const end = packing.pack(Buffer.from(usual(9).subject), value, target, 0, strings);
    expect(packing.unpack(usual(9).subject, target.subarray(0, end), 0, loaded)).toEqual(usual(9));
  });

  it('numbers a bounded many strings, and keeps the others in their rows', () => {
    const strings = new RepeatedStrings();
    for (let n = 0; n < 20_000; n++) {
      const bytes = Buffer.from(`tenant-${n}`);
      strings.numberOf(bytes, 0, bytes.length);
      strings.numberOf(bytes, 0, bytes.length);
    }
    expect(strings.toSave()).toHaveLength(16_384);
    const row = { ...usual(1), tenant: 'tenant-19999' };
    expect(again(row.subject, codec.encode(topic, row), strings)).toEqual(row);
  });

  it('knows every field and symbol of the schema: with another schema it is another format', () => {
    expect(rowFields.map(({ name }) => name)).toEqual(Object.keys(usual(0)));
    expect(evidenceFields.map(({ name }) => name)).toEqual(Object.keys(usual(0).evidence[0] as Evidence));
    // Whoever changes one of these changes the packing, and raises its format: stores of the old one are then read again.
    expect([severities.length, types.length, kinds.length, packing.format]).toEqual([6, 4, 11, 5]);
  });
});

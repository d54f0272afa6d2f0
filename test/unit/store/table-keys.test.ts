import fc from 'fast-check';
import { recipientSubject } from '../../../src/domain/suppression.ts';
import { KEY_BYTES_MAX, keyIn, storedKey, writeKey } from '../../../src/store/table-keys.ts';

const around = fc.constantFrom(
  '',
  'recipient',
  'recipient:',
  'recipient;',
  'g1/recipient:',
  'identity:',
  'tenant:a:recipient:',
);
const rest = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '@', '\u0000', '\u007f', 'é', '\uffff', '😀'), maxLength: 6 }),
  // Halves of surrogate pairs among them.
  fc.array(fc.nat(0xffff), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
);
const key = fc.tuple(around, rest).map((parts) => parts.join(''));

const stored = (text: string): Buffer => storedKey(Buffer.from(text));

describe('the key that a row is kept under', () => {
  it('is written for a look-up as it was when the row was stored', () => {
    const target = Buffer.alloc(100);
    fc.assert(
      fc.property(key, fc.nat(9), (text, start) => {
        const end = writeKey(text, target, start);
        expect(target.subarray(start, end)).toEqual(stored(text));
        expect(writeKey(stored(text), target, start)).toBe(end);
        expect(target.subarray(start, end)).toEqual(stored(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('tells the key, keeps the order of keys, and those that begin alike beside each other', () => {
    fc.assert(
      fc.property(key, key, (left, right) => {
        expect(keyIn(stored(left))).toBe(left.toWellFormed());
        const order = Buffer.from(left).compare(Buffer.from(right));
        expect(stored(left).compare(stored(right))).toBe(order);
        const end = storedKey(Buffer.concat([Buffer.from(left), Buffer.of(0xff)]));
        const within = stored(right).compare(stored(left)) >= 0 && stored(right).compare(end) < 0;
        expect(within).toBe(Buffer.from(right).indexOf(Buffer.from(left)) === 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is short for recipients, and a hash that nothing tells the key of where the key is too long', () => {
    expect(stored(recipientSubject('a@x.example'))).toHaveLength(1 + 'a@x.example'.length);
    expect(keyIn(stored('k'.repeat(KEY_BYTES_MAX)))).toHaveLength(KEY_BYTES_MAX);
    const [long, longer] = [stored('k'.repeat(KEY_BYTES_MAX + 1)), stored('k'.repeat(KEY_BYTES_MAX + 2))];
    expect([keyIn(long), long.length, long.equals(longer)]).toEqual([null, 33, false]);
  });
});

import { createRequire } from 'node:module';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { murmur2, partitionOf } from '../../../src/domain/partitioner.ts';
import { anyCharacter } from '../../support/any-text.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const require = createRequire(import.meta.url);
const reference = require('kafkajs/src/producer/partitioners/default/murmur2.js') as (key: Buffer | string) => number;

describe('the default partitioner', () => {
  it("hashes like kafkajs's own for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(murmur2(bytes)).toBe(reference(Buffer.from(bytes)));
      }),
      { numRuns: 500 },
    );
  });

  it("hashes like kafkajs's own for any text key", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: anyCharacter, maxLength: 60 }),
        fc.integer({ min: 1, max: 200 }),
        (key, partitions) => {
          expect(partitionOf(key, partitions)).toBe((reference(key) & 0x7fffffff) % partitions);
        },
      ),
      { numRuns: 500 },
    );
  });

  // Values of org.apache.kafka.common.utils.UtilsTest, so that a shared mistake with kafkajs would show.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])('hashes %s as Java does', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });
});

import fc from 'fast-check';
import {
  type Assignment,
  assignSticky,
  decodeMemory,
  encodeMemory,
  type Member,
} from '../../../src/kafka/sticky-assignor.ts';

const newcomer = (id: string, topics: readonly string[]): Member => ({
  id,
  topics,
  previous: new Map(),
  generation: -1,
});

/** The members as they come to the next rebalance, remembering what they were given. */
const remembering = (
  members: readonly Member[],
  given: ReadonlyMap<string, Assignment>,
  generation: number,
): Member[] => members.map((member) => ({ ...member, previous: given.get(member.id) ?? new Map(), generation }));

const pairs = (given: ReadonlyMap<string, Assignment>): string[] =>
  [...given.values()].flatMap((assignment) =>
    [...assignment].flatMap(([topic, partitions]) => partitions.map((partition) => `${topic} ${partition}`)),
  );

const ownerOf = (given: ReadonlyMap<string, Assignment>): Map<string, string> => {
  const owners = new Map<string, string>();
  for (const [id, assignment] of given) {
    for (const [topic, partitions] of assignment) for (const each of partitions) owners.set(`${topic} ${each}`, id);
  }
  return owners;
};

const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

const topicsArbitrary = fc.dictionary(fc.stringMatching(/^t[a-f]$/), fc.integer({ min: 0, max: 40 }), { minKeys: 1 });
const idsArbitrary = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 9 });
/** A member may say anything of its past: what is not there any more, what others say too, negative partitions. */
const pastArbitrary = fc.record({
  previous: fc.dictionary(fc.stringMatching(/^t[a-h]$/), fc.array(fc.integer({ min: -2, max: 60 }), { maxLength: 40 })),
  generation: fc.integer({ min: -1, max: 5 }),
});
const groupArbitrary = fc.record({ partitions: topicsArbitrary, ids: idsArbitrary }).chain(({ partitions, ids }) =>
  fc.record({
    partitions: fc.constant(new Map(Object.entries(partitions))),
    members: fc.tuple(
      ...ids.map((id) =>
        pastArbitrary.map(
          ({ previous, generation }): Member => ({
            id,
            topics: Object.keys(partitions),
            previous: new Map(Object.entries(previous)),
            generation,
          }),
        ),
      ),
    ),
  }),
);

describe('the sticky assignor', () => {
  it('gives every partition to exactly one member, whatever members say of their past', () => {
    fc.assert(
      fc.property(groupArbitrary, ({ members, partitions }) => {
        const expected = [...partitions].flatMap(([topic, count]) =>
          Array.from({ length: count }, (_, partition) => `${topic} ${partition}`),
        );
        expect(pairs(assignSticky(members, partitions)).sort()).toEqual(expected.sort());
      }),
    );
  });

  it('spreads every topic, and the total, evenly to within one', () => {
    fc.assert(
      fc.property(groupArbitrary, ({ members, partitions }) => {
        const given = [...assignSticky(members, partitions).values()];
        for (const topic of partitions.keys()) {
          expect(spread(given.map((assignment) => assignment.get(topic)?.length ?? 0))).toBeLessThanOrEqual(1);
        }
        const totals = given.map((assignment) =>
          [...assignment.values()].reduce((sum, taken) => sum + taken.length, 0),
        );
        expect(spread(totals)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('does not depend on the order in which members and topics come', () => {
    fc.assert(
      fc.property(groupArbitrary, ({ members, partitions }) => {
        const turned = assignSticky([...members].reverse(), new Map([...partitions].reverse()));
        expect(ownerOf(turned)).toEqual(ownerOf(assignSticky(members, partitions)));
      }),
    );
  });

  it('moves nothing when the same members come again', () => {
    fc.assert(
      fc.property(groupArbitrary, ({ members, partitions }) => {
        const first = assignSticky(members, partitions);
        const again = assignSticky(remembering(members, first, 7), partitions);
        expect(ownerOf(again)).toEqual(ownerOf(first));
      }),
    );
  });

  it('moves a partition only away from who left, or from who has more than a fair share', () => {
    fc.assert(
      fc.property(groupArbitrary, idsArbitrary, ({ members, partitions }, others) => {
        const first = assignSticky(members, partitions);
        const topics = [...partitions.keys()];
        // Some leave, some join.
        const staying = members.filter((_, n) => n % 2 === 0);
        const joining = others
          .filter((id) => !members.some((member) => member.id === id))
          .map((id) => newcomer(id, topics));
        const second = assignSticky([...remembering(staying, first, 7), ...joining], partitions);
        for (const topic of topics) {
          for (const { id } of staying) {
            const before = first.get(id)?.get(topic) ?? [];
            const after = second.get(id)?.get(topic) ?? [];
            const kept = before.filter((partition) => after.includes(partition));
            // Whoever gave something up is full, and got nothing of that topic in exchange.
            if (kept.length < before.length) expect(after).toEqual(kept);
          }
        }
      }),
    );
  });

  it('takes only a share from each of two when a third joins, and gives it back when it leaves', () => {
    const topics = ['lane'];
    const partitions = new Map([['lane', 12]]);
    const two = assignSticky([newcomer('a', topics), newcomer('b', topics)], partitions);
    const members = [newcomer('a', topics), newcomer('b', topics), newcomer('c', topics)];
    const three = assignSticky(remembering(members, two, 1), partitions);
    const moved = [...ownerOf(three)].filter(([place, owner]) => ownerOf(two).get(place) !== owner);
    expect(moved.map(([, owner]) => owner)).toEqual(['c', 'c', 'c', 'c']);
    const twoAgain = assignSticky(remembering(members, three, 2).slice(0, 2), partitions);
    for (const id of ['a', 'b']) {
      expect(twoAgain.get(id)?.get('lane')).toEqual(expect.arrayContaining([...(three.get(id)?.get('lane') ?? [])]));
    }
  });

  it('believes the later generation where two remember the same partition', () => {
    const partitions = new Map([['lane', 2]]);
    const zombie: Member = { id: 'a', topics: ['lane'], previous: new Map([['lane', [0]]]), generation: 3 };
    const owner: Member = { id: 'b', topics: ['lane'], previous: new Map([['lane', [0]]]), generation: 4 };
    expect(assignSticky([zombie, owner], partitions).get('b')?.get('lane')).toEqual([0]);
  });

  it('gives a topic only to members that take it, while topics are being changed', () => {
    const partitions = new Map([
      ['new', 4],
      ['old', 4],
    ]);
    const given = assignSticky([newcomer('a', ['old']), newcomer('b', ['new', 'old'])], partitions);
    expect(given.get('a')?.has('new')).toBe(false);
    expect(given.get('b')?.get('new')).toEqual([0, 1, 2, 3]);
    expect(pairs(given)).toHaveLength(8);
  });
});

describe('what a member remembers', () => {
  it('is read back as it was written', () => {
    const owned = new Map([['lane', [0, 5]]]);
    expect(decodeMemory(encodeMemory(12, owned, 3))).toEqual({ generation: 12, previous: owned });
  });

  it('is nothing at all where another version wrote it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Buffer.from(json)),
        ),
        (bytes) => {
          const { generation, previous } = decodeMemory(Buffer.from(bytes));
          expect(Number.isSafeInteger(generation)).toBe(true);
          expect(previous).toBeInstanceOf(Map);
        },
      ),
    );
    for (const odd of [
      '{}',
      'null',
      '{"generation":1}',
      '{"generation":"1","owned":{}}',
      '{"generation":1,"owned":[1]}',
    ]) {
      expect(decodeMemory(Buffer.from(odd)).previous.size).toBe(0);
    }
    expect(decodeMemory(null)).toEqual({ generation: -1, previous: new Map() });
  });
});

import fc from 'fast-check';
import {
  buildLedger,
  decodeLedger,
  EMPTY_LEDGER,
  encodeLedger,
  type Mark,
  markOf,
} from '../../../src/runtime/ledger.ts';

const marks = fc.array(fc.constantFrom<Mark>('untouched', 'declared', 'done'), { maxLength: 300 });

/** The entries an owner would hold: done units have left the list and are remembered by their neighbour. */
function entriesOf(all: readonly Mark[], firstOffset: number, gaps: readonly number[]) {
  const entries: { offset: number; mark: Mark; doneBefore: boolean }[] = [];
  const truth = new Map<number, Mark>();
  let offset = firstOffset;
  let done = false;
  all.forEach((mark, n) => {
    offset += gaps[n % Math.max(1, gaps.length)] ?? 0;
    truth.set(offset, mark);
    if (mark === 'done') done = true;
    else {
      entries.push({ offset, mark, doneBefore: done });
      done = false;
    }
    offset++;
  });
  return { entries, truth, doneAfter: done, readTo: Math.max(firstOffset - 1, offset - 1) };
}

describe('the ledger', () => {
  it('says of every unit what its owner knows, after a trip through the metadata', () => {
    fc.assert(
      fc.property(marks, fc.nat(1_000_000), fc.array(fc.nat(3), { maxLength: 7 }), (all, first, gaps) => {
        const { entries, truth, doneAfter, readTo } = entriesOf(all, first, gaps);
        const built = buildLedger(entries, doneAfter, readTo, EMPTY_LEDGER);
        const read = decodeLedger(built.base, encodeLedger(built));
        for (const [offset, mark] of truth) expect(markOf(read, offset)).toBe(mark);
      }),
    );
  });

  it('keeps what an older owner left above the offsets that were read', () => {
    fc.assert(
      fc.property(marks, fc.nat(300), fc.nat(1000), (all, cut, first) => {
        const left = entriesOf(all, first, []);
        const inherited = buildLedger(left.entries, left.doneAfter, left.readTo, EMPTY_LEDGER);
        // The successor reads the first `cut` offsets and takes each at its mark, then commits.
        const readTo = Math.max(inherited.base - 1, Math.min(first + cut, left.readTo));
        const own = left.entries.filter(({ offset }) => offset <= readTo && offset >= inherited.base);
        const doneAfter = readTo >= inherited.base && markOf(inherited, readTo) === 'done';
        const ledger = buildLedger(own, doneAfter, readTo, inherited);
        for (const [offset, mark] of left.truth) expect(markOf(ledger, offset)).toBe(mark);
      }),
    );
  });

  it('needs a few bytes for one slow unit under thousands of done ones', () => {
    const entries = [{ offset: 10, mark: 'declared' as const, doneBefore: false }];
    const text = encodeLedger(buildLedger(entries, true, 500_000, EMPTY_LEDGER));
    expect(text.length).toBeLessThan(12);
    expect(markOf(decodeLedger(10, text), 400_000)).toBe('done');
  });

  it('refuses what it cannot read, instead of guessing', () => {
    for (const text of ['z1', 'd', 'd1,x2', 'd-1', 'd1 x2']) {
      expect(() => decodeLedger(0, text)).toThrow('LEDGER_CORRUPT');
    }
  });
});

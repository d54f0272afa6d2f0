import fc from 'fast-check';
import { EVENTS_MAX, foldAccepted, foldResult, indexesOf, orderOf } from '../../../../processors/tracker/step.ts';
import type { DeliveryResult } from '../../../../src/contracts/generated.ts';
import { completeJob } from '../../../../src/domain/job-input.ts';
import { attempted, ending } from '../../../../src/domain/results.ts';
import { type Trail, waitingOf } from '../../../../src/domain/trail.ts';

const job = completeJob(
  { id: 'a', type: 'marketing', recipient: 'Ada@inbox.example', tags: ['x', 'x', 'y'], campaign: 'c', payload: {} },
  () => 'none',
);
const accepted = foldAccepted(null, job, 1_000);

describe('a trail', () => {
  it('begins with the acceptance, or with a result where that is read first', () => {
    expect(accepted).toMatchObject({ state: 'accepted', acceptedAt: 1_000, events: [] });
    const sent = foldResult(null, ending(job, 'sent', 1, 2_000));
    expect(sent).toMatchObject({ state: 'sent', acceptedAt: null, recipient: 'Ada@inbox.example' });
    expect(foldAccepted(sent, job, 1_000)).toMatchObject({
      state: 'sent',
      acceptedAt: 1_000,
      events: [{ ending: 'sent' }],
    });
  });

  it('was accepted when it first came, whatever comes later under its id', () => {
    expect(foldAccepted(accepted, { ...job, recipient: 'eve@inbox.example' }, 1_001)).toBe(accepted);
  });

  it('keeps its first ending, and what is heard later beside it', () => {
    const bounced = foldResult(accepted, ending(job, 'bounced', 1, 2_000));
    const annotated: DeliveryResult = {
      ...ending(job, 'sent', 1, 3_000),
      kind: 'annotation',
      ending: null,
      annotation: 'complained',
    };
    const after = [ending(job, 'sent', 2, 2_500), annotated].reduce(foldResult, bounced);
    expect(after.state).toBe('bounced');
    expect(after.events.map(({ kind }) => kind)).toEqual(['ending', 'ending', 'annotation']);
  });

  it('waits for its time, its next attempt or its turn', () => {
    expect(waitingOf({ ...accepted, sendAt: 9_000 }, 2_000)).toMatchObject({ for: 'send-at', until: 9_000 });
    expect(waitingOf({ ...accepted, sendAt: 9_000 }, 9_000)).toMatchObject({ for: 'turn' });
    const deferred = foldResult(accepted, attempted(job, 1, 2_000, { smtpCode: 451, reply: 'later', until: 8_000 }));
    expect(waitingOf(deferred, 3_000)).toEqual({ for: 'retry', until: 8_000, why: '451 later' });
    expect(waitingOf(foldResult(deferred, ending(job, 'sent', 2, 4_000)), 5_000)).toBeNull();
  });

  it('is the same in whatever order the two topics are read, and however often', () => {
    const results = fc
      .uniqueArray(fc.integer({ min: 2_000, max: 3_000 }), { minLength: 1, maxLength: 8 })
      .map((times) =>
        times
          .sort((a, b) => a - b)
          .map((at, n) => (n === times.length - 1 ? ending(job, 'sent', n, at) : attempted(job, n + 1, at))),
      );
    fc.assert(
      fc.property(results, fc.nat(8), fc.nat(8), (told, when, repeated) => {
        const calm = told.reduce(foldResult, accepted);
        let trail: Trail | null = null;
        told.forEach((result, n) => {
          if (n === when % told.length) trail = foldAccepted(trail, job, 1_000);
          trail = foldResult(trail, result);
          if (n === repeated) trail = foldResult(foldAccepted(trail, job, 1_000), result);
        });
        expect(foldAccepted(trail, job, 1_000)).toEqual(calm);
      }),
    );
  });

  it('keeps the first and the newest of very many events', () => {
    const many = Array.from({ length: 100 }, (_, n) => attempted(job, n + 1, 2_000 + n));
    const { events, eventsLeftOut } = many.reduce(foldResult, accepted);
    expect(events).toHaveLength(EVENTS_MAX);
    expect(events[0]?.attempt).toBe(1);
    expect(events.at(-1)?.attempt).toBe(100);
    expect(eventsLeftOut).toBe(100 - EVENTS_MAX);
  });

  it('is in one list per tag, by its folded recipient, and none of another tenant', () => {
    expect(orderOf(accepted)).toBe(1_000);
    const own = indexesOf(accepted);
    expect(own).toHaveLength(6);
    expect(new Set([...own, ...indexesOf({ ...accepted, tenant: 'other' })]).size).toBe(12);
    expect(indexesOf({ ...accepted, recipient: 'ada@INBOX.example' })).toEqual(own);
  });
});

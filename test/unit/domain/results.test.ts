import fc from 'fast-check';
import { attempted, ending, signal } from '../../../src/domain/results.ts';
import { aHeader, aJob } from '../../../src/testing/builders.ts';

describe('results', () => {
  const job = aJob({ campaign: 'spring', tags: ['a'], metadata: [aHeader('order', '7')] });

  it('carry what the application gave along', () => {
    expect(ending(job, 'expired', 0, 5, { reason: 'max-age' })).toMatchObject({
      jobId: 'job-1',
      tenant: 'default',
      type: 'transactional',
      recipient: 'ada@inbox.example',
      kind: 'ending',
      ending: 'expired',
      annotation: null,
      attempt: 0,
      at: 5,
      reason: 'max-age',
      uncertain: false,
      campaign: 'spring',
      tags: ['a'],
      metadata: [{ name: 'order', value: '7' }],
    });
  });

  it('tell an attempt from an ending', () => {
    expect(attempted(job, 2, 5, { smtpCode: 451, uncertain: true })).toMatchObject({
      kind: 'attempt',
      ending: null,
      attempt: 2,
      smtpCode: 451,
      uncertain: true,
    });
  });

  it('keep at most 512 octets of a reply, whatever its characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 700 }), (reply) => {
        const kept = signal({
          eventId: 'e',
          subject: 's',
          kind: 'bounced',
          at: 1,
          tenant: 't',
          type: 'marketing',
          reply,
        });
        expect(Buffer.byteLength(kept.reply ?? '')).toBeLessThanOrEqual(512);
        expect(reply.startsWith(kept.reply ?? '?')).toBe(true);
      }),
    );
  });
});

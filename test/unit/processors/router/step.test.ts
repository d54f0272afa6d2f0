import fc from 'fast-check';
import { contentOf, identityOf } from '../../../../processors/router/step.ts';
import type { EmailJob } from '../../../../src/contracts/generated.ts';
import { aHeader, aJob, anAttachment, aPayload } from '../../../../src/testing/builders.ts';

/** What is hashed, as one value to compare. */
const hashed = (job: EmailJob): string =>
  Buffer.concat(contentOf(job).map((part) => Buffer.from(part as string))).toString('hex');

describe('what makes two jobs the same', () => {
  it('is the tenant and the id, and no two pairs look alike', () => {
    const name = fc.string({ maxLength: 5 });
    fc.assert(
      fc.property(name, name, name, name, (tenant, id, otherTenant, otherId) => {
        const same = tenant === otherTenant && id === otherId;
        expect(identityOf(aJob({ tenant, id })) === identityOf(aJob({ tenant: otherTenant, id: otherId }))).toBe(same);
      }),
    );
    expect(identityOf(aJob({ tenant: 'a1:b', id: 'c' }))).not.toBe(identityOf(aJob({ tenant: 'a', id: 'b1:c' })));
  });

  it.each<[string, Partial<EmailJob>]>([
    ['type', { type: 'marketing' }],
    ['priority', { priority: 'high' }],
    ['recipient', { recipient: 'b@inbox.example' }],
    ['template', { payload: null, templateId: 't' }],
    ['template version', { templateVersion: 2 }],
    ['merge data', { mergeData: [aHeader('a', 'b')] }],
    ['metadata', { metadata: [aHeader('a', 'b')] }],
    ['tags', { tags: ['a'] }],
    ['campaign', { campaign: '' }],
    ['sendAt', { sendAt: 0 }],
    ['expiresAt', { expiresAt: 0 }],
    ['region', { region: 'eu' }],
    ['sender', { payload: aPayload({ from: 'a@x.example' }) }],
    ['reply address', { payload: aPayload({ replyTo: 'a@x.example' }) }],
    ['subject', { payload: aPayload({ subject: '' }) }],
    ['html', { payload: aPayload({ html: null }) }],
    ['text', { payload: aPayload({ text: '' }) }],
    ['link', { payload: aPayload({ unsubscribeLink: 'https://x.example' }) }],
    ['one click', { payload: aPayload({ oneClick: true }) }],
    ['headers', { payload: aPayload({ headers: [aHeader('X-A', 'b')] }) }],
    ['attachments', { payload: aPayload({ attachments: [anAttachment()] }) }],
    ['an empty message', { payload: aPayload({ mime: Buffer.alloc(0) }) }],
  ])('%s is content', (_, over) => {
    expect(hashed(aJob(over))).not.toBe(hashed(aJob()));
  });

  it('tells attachments apart by every byte, and by where one ends', () => {
    const withFiles = (...contents: string[]) =>
      hashed(
        aJob({
          payload: aPayload({ attachments: contents.map((text) => anAttachment({ content: Buffer.from(text) })) }),
        }),
      );
    expect(withFiles('ab', 'c')).not.toBe(withFiles('a', 'bc'));
    expect(withFiles('ab')).not.toBe(withFiles('ac'));
    expect(withFiles('ab', 'c')).toBe(withFiles('ab', 'c'));
  });

  it('moves no text from one field into the next', () => {
    const tags = (...list: string[]) => hashed(aJob({ tags: list }));
    expect(tags('a', 'b')).not.toBe(tags('a1:b'));
    expect(tags('ab', '')).not.toBe(tags('a', 'b'));
    expect(hashed(aJob({ metadata: [aHeader('a', 'b')] }))).not.toBe(hashed(aJob({ tags: ['a', 'b'] })));
  });

  it('is neither the trace context nor the identity, which is hashed apart', () => {
    expect(hashed(aJob({ traceparent: '00-1' }))).toBe(hashed(aJob()));
    expect(hashed(aJob({ id: 'other', tenant: 'other' }))).toBe(hashed(aJob()));
  });
});

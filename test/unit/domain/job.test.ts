import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { EmailJob } from '../../../src/contracts/generated.ts';
import { expiryOf, JOB_RULES_DEFAULT, parseJob } from '../../../src/domain/job.ts';
import { DAY_MS, HOUR_MS } from '../../../src/domain/time.ts';
import { aHeader, aJob, anAttachment, aPayload } from '../../../src/testing/builders.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const NOW = 1_700_000_000_000;
const parse = (over: Partial<EmailJob>) => parseJob(aJob(over), NOW);
const withPayload = (over: Parameters<typeof aPayload>[0]) => parse({ payload: aPayload(over) });

describe('the region of a job', () => {
  const at = (region: string | null, wanted: string | null) =>
    parseJob(aJob({ region: wanted }), NOW, { ...JOB_RULES_DEFAULT, region });

  it('is where it came to, or nowhere', () => {
    expect([at('eu', null).ok, at('eu', 'eu').ok]).toEqual([true, true]);
    const refused = { ok: false, problem: 'other-region', detail: 'it is for us, and this is eu' };
    expect(at('eu', 'us')).toEqual(refused);
    for (const unlike of ['EU', 'eu ', '', 'mars']) expect(at('eu', unlike)).toMatchObject({ problem: 'other-region' });
  });

  it('is a note where there are none', () => {
    for (const note of [null, 'eu', 'mars']) expect(at(null, note).ok).toBe(true);
  });
});

describe('checking a job', () => {
  it('takes a good one and says what it is', () => {
    const result = parse({ recipient: 'Ada@BÜCHER.example', sendAt: NOW + 30 * DAY_MS });
    expect(result).toMatchObject({
      ok: true,
      job: {
        recipient: { local: 'Ada', domain: 'xn--bcher-kva.example' },
        address: 'Ada@xn--bcher-kva.example',
        folded: 'ada@xn--bcher-kva.example',
        senderDomain: 'shop.example',
      },
    });
  });

  it.each<[string, Partial<EmailJob>]>([
    ['a template instead of a payload', { payload: null, templateId: 'welcome' }],
    [
      'a whole message, whose other fields are ignored',
      { payload: aPayload({ from: '', html: null, mime: Buffer.from('From: a\r\n\r\n') }) },
    ],
    [
      'an attachment',
      { payload: aPayload({ attachments: [anAttachment({ contentType: 'text/plain; charset="utf-8"' })] }) },
    ],
    [
      'a header of its own',
      { payload: aPayload({ headers: [aHeader('X-Campaign', 'spring'), aHeader('List-Id', '<a.example>')] }) },
    ],
    ['an unsubscribe link', { payload: aPayload({ unsubscribeLink: 'https://shop.example/u?t=a%20b&x=1' }) }],
    ['a mailto link', { payload: aPayload({ unsubscribeLink: 'mailto:leave@shop.example?subject=leave' }) }],
    ['a sendAt in the past', { sendAt: 1 }],
    ['merge data with line breaks', { payload: null, templateId: 't', mergeData: [aHeader('body', 'a\nb')] }],
  ])('takes %s', (_, over) => {
    expect(parse(over)).toMatchObject({ ok: true });
  });

  it.each<[string, Partial<EmailJob>]>([
    ['id-invalid', { id: '' }],
    ['id-invalid', { id: 'a\nb' }],
    ['id-invalid', { id: 'a'.repeat(257) }],
    ['tenant-invalid', { tenant: '' }],
    ['type-unknown', { type: 'unknown' }],
    ['recipient-invalid', { recipient: 'Ada <ada@x.example>' }],
    ['content-missing', { payload: null }],
    ['content-ambiguous', { templateId: 't' }],
    ['template-invalid', { payload: null, templateId: '../etc' }],
    ['content-missing', { payload: aPayload({ html: null, text: null }) }],
    ['content-missing', { payload: aPayload({ mime: Buffer.alloc(0) }) }],
    ['sender-invalid', { payload: aPayload({ from: '' }) }],
    ['sender-invalid', { payload: aPayload({ from: 'a@x.example, b@y.example' }) }],
    ['text-forbidden', { payload: aPayload({ from: 'Shop\r\nBcc: b@x.example <a@x.example>' }) }],
    ['reply-to-invalid', { payload: aPayload({ replyTo: 'nobody' }) }],
    ['text-forbidden', { payload: aPayload({ subject: 'Hello\r\nBcc: b@x.example' }) }],
    ['text-forbidden', { payload: aPayload({ subject: 'Hello\u2028' }) }],
    ['too-long', { payload: aPayload({ subject: 'a'.repeat(2_001) }) }],
    ['header-not-allowed', { payload: aPayload({ headers: [aHeader('Bcc', 'b@x.example')] }) }],
    ['header-not-allowed', { payload: aPayload({ headers: [aHeader('DKIM-Signature', 'v=1')] }) }],
    ['header-not-allowed', { payload: aPayload({ headers: [aHeader('X-Entity-Ref-ID', 'x')] }) }],
    ['header-not-allowed', { payload: aPayload({ headers: [aHeader('X-A: b\r\nBcc', 'x')] }) }],
    ['text-forbidden', { payload: aPayload({ headers: [aHeader('X-A', 'b\nBcc: c')] }) }],
    ['too-many', { payload: aPayload({ headers: Array.from({ length: 51 }, () => aHeader('X-A', 'b')) }) }],
    ['unsubscribe-link-invalid', { payload: aPayload({ unsubscribeLink: 'javascript:alert(1)' }) }],
    ['unsubscribe-link-invalid', { payload: aPayload({ unsubscribeLink: 'https://a.example/>, <https://b.example' }) }],
    ['unsubscribe-link-invalid', { payload: aPayload({ unsubscribeLink: 'https://a.example/\r\nBcc: b' }) }],
    ['attachment-invalid', { payload: aPayload({ attachments: [anAttachment({ filename: '../x' })] }) }],
    [
      'attachment-invalid',
      { payload: aPayload({ attachments: [anAttachment({ contentType: 'text/plain\r\nX: y' })] }) },
    ],
    ['attachment-invalid', { payload: aPayload({ attachments: [anAttachment({ contentId: 'a>b' })] }) }],
    ['text-forbidden', { payload: aPayload({ attachments: [anAttachment({ filename: 'a\nb' })] }) }],
    ['text-forbidden', { campaign: 'a\rb' }],
    ['text-forbidden', { tags: ['ok', 'a\0b'] }],
    ['too-many', { tags: Array.from({ length: 51 }, () => 'a') }],
    ['too-long', { metadata: [aHeader('a', 'b'.repeat(2_049))] }],
    ['too-many', { metadata: Array.from({ length: 101 }, () => aHeader('a', 'b')) }],
    ['send-at-invalid', { sendAt: NOW + JOB_RULES_DEFAULT.sendAtMaxMs + 1 }],
    ['send-at-invalid', { sendAt: Number.NaN }],
    ['expires-at-invalid', { expiresAt: -1 }],
  ])('refuses with %s: %j', (problem, over) => {
    expect(parse(over)).toMatchObject({ ok: false, problem });
  });

  it('lets no line break into anything that reaches a header', () => {
    const evil = fc
      .tuple(fc.string(), fc.constantFrom('\r', '\n', '\r\n', '\0', '\u2028', '\u0085'), fc.string())
      .map((parts) => parts.join(''));
    const places: ((text: string) => ReturnType<typeof parse>)[] = [
      (text) => withPayload({ subject: text }),
      (text) => withPayload({ from: text }),
      (text) => withPayload({ from: `"${text}" <a@x.example>` }),
      (text) => withPayload({ replyTo: `"${text}" <a@x.example>` }),
      (text) => withPayload({ unsubscribeLink: `https://a.example/${text}` }),
      (text) => withPayload({ headers: [aHeader('X-A', text)] }),
      (text) => withPayload({ headers: [aHeader(`X-${text}`, 'a')] }),
      (text) => withPayload({ attachments: [anAttachment({ filename: text })] }),
      (text) => withPayload({ attachments: [anAttachment({ contentType: `text/${text}` })] }),
      (text) => withPayload({ attachments: [anAttachment({ contentId: text })] }),
      (text) => parse({ id: text }),
      (text) => parse({ campaign: text }),
      (text) => parse({ recipient: `${text}@x.example` }),
      (text) => parse({ recipient: `a@x.example${text}` }),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...places), evil, (place, text) => {
        expect(place(text).ok).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('expiry', () => {
  it('is the age after sendAt or acceptance, and never later than expiresAt', () => {
    expect(expiryOf({ sendAt: null, expiresAt: null }, NOW, HOUR_MS)).toBe(NOW + HOUR_MS);
    expect(expiryOf({ sendAt: NOW + DAY_MS, expiresAt: null }, NOW, HOUR_MS)).toBe(NOW + DAY_MS + HOUR_MS);
    expect(expiryOf({ sendAt: 1, expiresAt: null }, NOW, HOUR_MS)).toBe(NOW + HOUR_MS);
    expect(expiryOf({ sendAt: null, expiresAt: NOW + 5 }, NOW, HOUR_MS)).toBe(NOW + 5);
    expect(expiryOf({ sendAt: null, expiresAt: NOW + DAY_MS }, NOW, HOUR_MS)).toBe(NOW + HOUR_MS);
  });
});

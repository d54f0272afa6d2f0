import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type AcceptContext, acceptMails, answerKey, fingerprintParts } from '../../../../producers/http/accept.ts';
import { EMAIL } from '../../../../producers/http/schemas.ts';
import { JOB_RULES_DEFAULT } from '../../../../src/domain/job.ts';
import { Validation } from '../../../../src/http/validation.ts';

const NOW = 1_800_000_000_000;
const shapeFault = new Validation([EMAIL]).body({ $ref: 'Email' });
let made = 0;
const context = (over: Partial<AcceptContext> = {}): AcceptContext => ({
  now: NOW,
  tenant: 'default',
  idempotencyKey: null,
  newId: () => `new-${++made}`,
  hash: (parts) => createHash('sha256').update(parts.join('')).digest(),
  shapeFault,
  rules: JOB_RULES_DEFAULT,
  templated: () => ({ ok: true, version: 1 }),
  ...over,
});
const mail = (over: object = {}) => ({
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
  ...over,
});
const withPayload = (over: object) => mail({ payload: { ...mail().payload, ...over } });
const accept = (value: unknown, over: Partial<AcceptContext> = {}) => acceptMails([value], context(over))[0];

describe('a mail for a region', () => {
  it('is taken where it is for, and refused elsewhere by the field that says so', () => {
    const rules = { ...JOB_RULES_DEFAULT, region: 'eu' };
    for (const over of [{}, { region: 'eu' }]) expect(accept(mail(over), { rules })?.ok).toBe(true);
    expect(accept(mail({ region: 'us' }), { rules })).toEqual({
      ok: false,
      fault: { problem: 'other-region', field: '/region', detail: 'it is for us, and this is eu: hand it in there' },
    });
  });
});

describe('a mail that names a template', () => {
  const templated = (over: object = {}) => {
    const { payload: _, ...rest } = mail({ templateId: 'news', mergeData: { name: 'Ada' }, ...over });
    return rest;
  };

  it('is accepted with the version that it was judged by, and the merge data as it came', () => {
    const verdict = accept(templated(), { templated: () => ({ ok: true, version: 7 }) });
    expect(verdict).toMatchObject({
      ok: true,
      job: { payload: null, templateId: 'news', templateVersion: 7, mergeData: [{ name: 'name', value: 'Ada' }] },
      record: { value: { templateVersion: 7 } },
    });
  });

  it('is refused with the field that does not fit', () => {
    const refusing = (problem: 'variable-missing' | 'text-forbidden', field: string) =>
      accept(templated(), { templated: () => ({ ok: false, fault: { problem, field, detail: 'why' } }) });
    expect(refusing('variable-missing', 'mergeData.order.a~b')).toEqual({
      ok: false,
      fault: { problem: 'variable-missing', field: '/mergeData/order.a~0b', detail: 'why' },
    });
    expect(refusing('text-forbidden', 'subject')).toMatchObject({
      fault: { field: '/mergeData', detail: 'subject: why' },
    });
  });

  it('has a payload or a template, not both and not none', () => {
    expect(accept(mail({ templateId: 'news' }))).toMatchObject({
      fault: { problem: 'content-ambiguous', field: '/payload' },
    });
    const { payload: _, ...neither } = mail();
    expect(accept(neither)).toMatchObject({ fault: { problem: 'shape', field: '/payload' } });
    expect(accept(templated({ mergeData: { name: 7 } }))).toMatchObject({
      fault: { problem: 'shape', field: '/mergeData/name' },
    });
    expect(accept(templated({ templateId: '../etc' }))).toMatchObject({
      fault: { problem: 'shape', field: '/templateId' },
    });
  });
});

describe('a mail that is handed in', () => {
  it('becomes the job that it describes, for the caller’s tenant', () => {
    const verdict = accept(mail({ metadata: { order: '7' }, sendAt: '2027-01-15T08:00:00Z' }), { tenant: 'shop' });
    expect(verdict).toMatchObject({
      ok: true,
      job: { tenant: 'shop', id: expect.stringMatching(/^new-/), metadata: [{ name: 'order', value: '7' }] },
      record: { topic: { name: 'email.ingest.transactional' } },
    });
    if (verdict?.ok) expect(verdict.job.sendAt).toBe(Date.parse('2027-01-15T08:00:00Z'));
  });

  it.each([
    [mail({ tenant: 'other' }), '/tenant'],
    [mail({ id: 'mine' }), '/id'],
    [mail({ type: 'urgent' }), '/type'],
    [mail({ recipient: 'Ada <ada@inbox.example>' }), '/recipient'],
    [{ type: 'marketing', recipient: 'a@b.example' }, '/payload'],
    [mail({ payload: { from: 'a@b.example', subject: 's' } }), '/payload'],
    [withPayload({ from: 'nobody' }), '/payload/from'],
    [withPayload({ headers: { Bcc: 'x@y.example' } }), '/payload/headers/Bcc'],
    [
      withPayload({ attachments: [{ filename: '../x', contentType: 'text/plain', content: '' }] }),
      '/payload/attachments',
    ],
    [
      withPayload({ attachments: [{ filename: 'x', contentType: 'text/plain', path: '/etc/passwd' }] }),
      '/payload/attachments/0/content',
    ],
    [
      withPayload({ attachments: [{ filename: 'x', contentType: 'text/plain', content: 'data:,x' }] }),
      '/payload/attachments/0/content',
    ],
    [withPayload({ mime: 'RnJvbTog' }), '/payload/mime'],
    [mail({ sendAt: NOW + 31 * 86_400_000 }), '/sendAt'],
    [mail({ tags: ['a\r\nb'] }), '/tags'],
    [mail({ metadata: { 'a/b~c': 7 } }), '/metadata/a~1b~0c'],
    [mail({ templateId: 'welcome' }), '/payload'],
    [null, ''],
    [[mail()], ''],
  ])('is refused with the field that is wrong: %j', (value, field) => {
    expect(accept(value)).toMatchObject({ ok: false, fault: { field, detail: expect.stringMatching(/./) } });
  });
});

/** What must never reach a header, an envelope or a key. */
const MALICIOUS: readonly string[] = [
  'a\r\nBcc: victim@x.example',
  'a\nBcc: victim@x.example',
  'a\rBcc: victim@x.example',
  'a\u0000b',
  'a\u2028b',
  'a\u2029b',
  'a\u0085b',
  'a\u000bb',
  'a\u000cb',
  'a\u001bb[2J',
  'a\u007fb',
  'a\u009bb',
  '\r\n.\r\nMAIL FROM:<x@y.example>\r\n',
  '\n.\nMAIL FROM:<x@y.example>\n',
  '\r.\rMAIL FROM:<x@y.example>\r',
  '<script>\r\n</script>',
  'x'.repeat(100_000),
  '\r\n'.repeat(5_000),
  '\u202e\r\n',
  '=?utf-8?q?=0D=0A?=\r\n',
];
const FIELDS: readonly [string, (text: string) => unknown][] = [
  ['recipient', (text) => mail({ recipient: text })],
  ['recipient inside', (text) => mail({ recipient: `ada${text}@inbox.example` })],
  ['from', (text) => withPayload({ from: `${text} <news@shop.example>` })],
  ['replyTo', (text) => withPayload({ replyTo: `${text} <news@shop.example>` })],
  ['subject', (text) => withPayload({ subject: text })],
  ['header value', (text) => withPayload({ headers: { 'X-Thing': text } })],
  ['header name', (text) => withPayload({ headers: { [`X-${text}`]: 'value' } })],
  ['unsubscribeLink', (text) => withPayload({ unsubscribeLink: `https://shop.example/${text}` })],
  ['filename', (text) => withPayload({ attachments: [{ filename: text, contentType: 'text/plain', content: '' }] })],
  [
    'contentType',
    (text) => withPayload({ attachments: [{ filename: 'a', contentType: `text/${text}`, content: '' }] }),
  ],
  [
    'contentId',
    (text) =>
      withPayload({ attachments: [{ filename: 'a', contentType: 'text/plain', content: '', contentId: text }] }),
  ],
  [
    'attachment',
    (text) => withPayload({ attachments: [{ filename: 'a', contentType: 'text/plain', content: `${text}!` }] }),
  ],
  ['tag', (text) => mail({ tags: [text] })],
  ['campaign', (text) => mail({ campaign: text })],
  ['region', (text) => mail({ region: text })],
  ['traceparent', (text) => mail({ traceparent: text })],
  ['metadata name', (text) => mail({ metadata: { [text]: 'value' } })],
  ['sendAt', (text) => mail({ sendAt: text })],
  ['expiresAt', (text) => mail({ expiresAt: text })],
  ['type', (text) => mail({ type: text })],
  ['priority', (text) => mail({ priority: text })],
];

describe.each(FIELDS)('malicious text in %s', (_, make) => {
  it.each(MALICIOUS.map((text) => [JSON.stringify(text.slice(0, 40)), text]))(
    'is refused, and the field named: %s',
    (_name, text) => {
      const verdict = accept(make(text));
      expect(verdict?.ok).toBe(false);
      if (verdict?.ok === false) expect(verdict.fault.field).toMatch(/^\//);
    },
  );
});

describe('the id of a mail under an idempotency key', () => {
  const keys = fc.string({ minLength: 1, maxLength: 20 });
  const idOf = (tenant: string, key: string, place = 0): string => {
    const verdict = acceptMails(Array(place + 1).fill(mail()), context({ tenant, idempotencyKey: key }))[place];
    return verdict?.ok ? verdict.job.id : '';
  };

  it('is the same for the same tenant, key and place, and another for any other', () => {
    fc.assert(
      fc.property(keys, keys, keys, keys, fc.nat(2), fc.nat(2), (tenant, key, tenant2, key2, place, place2) => {
        const isSame = tenant === tenant2 && key === key2 && place === place2;
        expect(idOf(tenant, key, place) === idOf(tenant2, key2, place2)).toBe(isSame);
        const joined = (parts: readonly string[]) => parts.join('');
        expect(joined(answerKey(tenant, key)) === joined(answerKey(tenant2, key2))).toBe(
          tenant === tenant2 && key === key2,
        );
      }),
    );
  });

  it('is told apart from the request’s content', () => {
    const verdicts = acceptMails([mail(), { nonsense: 1 }], context({ idempotencyKey: 'k' }));
    expect(fingerprintParts(verdicts, [Buffer.from('a'), null])).toEqual([
      Buffer.from('a'),
      expect.stringContaining('refused shape'),
    ]);
  });
});

it('never takes a tenant from the request, whatever the request is', () => {
  const anything = fc.oneof(
    fc.anything({ withNullPrototype: true }),
    fc.dictionary(
      fc.constantFrom('tenant', 'id', 'type', 'recipient', 'payload', '__proto__', 'constructor'),
      fc.anything(),
    ),
    fc.record({ tenant: fc.string(), extra: fc.anything() }).map((over) => mail(over)),
  );
  fc.assert(
    fc.property(anything, (value) => {
      const verdict = accept(value, { tenant: 'ours' });
      if (verdict?.ok) expect(verdict.job.tenant).toBe('ours');
      else expect(verdict?.fault.detail).not.toBe('');
    }),
  );
});

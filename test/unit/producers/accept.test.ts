import fc from 'fast-check';
import { acceptJob } from '../../../producers/publisher/accept.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { JOB_RULES_DEFAULT } from '../../../src/domain/job.ts';
import type { EmailJobInput } from '../../../src/domain/job-input.ts';
import { DAY_MS } from '../../../src/domain/time.ts';
import { uuidV7 } from '../../../src/domain/uuid.ts';
import { MemoryCodec } from '../../../src/testing/memory-codec.ts';

const NOW = 1_700_000_000_000;
const context = { now: NOW, newId: () => 'a-new-id', rules: JOB_RULES_DEFAULT };
const accept = (input: unknown) => acceptJob(input, context);

const minimal: EmailJobInput = {
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
};

const accepted = (input: unknown) => {
  const result = accept(input);
  if (!result.ok) throw new Error(`${result.problem} ${result.detail}`);
  return result;
};

describe('accepting a job from an application', () => {
  it('fills in everything that has a default', () => {
    const { job } = accepted(minimal);
    expect(job).toEqual({
      id: 'a-new-id',
      tenant: 'default',
      type: 'transactional',
      priority: 'normal',
      recipient: 'ada@inbox.example',
      payload: {
        from: 'Shop <news@shop.example>',
        replyTo: null,
        subject: 'Your order',
        html: null,
        text: 'Thank you.',
        unsubscribeLink: null,
        oneClick: false,
        headers: [],
        attachments: [],
        mime: null,
      },
      templateId: null,
      templateVersion: null,
      mergeData: [],
      metadata: [],
      tags: [],
      campaign: null,
      sendAt: null,
      expiresAt: null,
      region: null,
      traceparent: null,
    });
  });

  it.each(['transactional', 'notification', 'marketing'] as const)(
    'appends a %s job to its own topic under its id',
    (type) => {
      const { record } = accepted({ ...minimal, type, id: 'order-7' });
      expect(record).toMatchObject({ topic: { name: `email.ingest.${type}` }, key: 'order-7' });
    },
  );

  it('takes names and values as an object or as a list', () => {
    const { job } = accepted({
      ...minimal,
      metadata: { order: '7', shop: 'north' },
      payload: { ...minimal.payload, headers: [{ name: 'X-Order', value: '7' }] },
    });
    expect(job.metadata).toEqual([
      { name: 'order', value: '7' },
      { name: 'shop', value: 'north' },
    ]);
    expect(job.payload?.headers).toEqual([{ name: 'X-Order', value: '7' }]);
  });

  it.each([
    ['milliseconds', NOW + DAY_MS],
    ['a Date', new Date(NOW + DAY_MS)],
    ['an ISO time in UTC', new Date(NOW + DAY_MS).toISOString()],
    ['an ISO time of a zone', '2023-11-16T00:13:20+02:00'],
  ])('takes a time as %s', (_, sendAt) => {
    expect(accepted({ ...minimal, sendAt, expiresAt: sendAt }).job).toMatchObject({
      sendAt: NOW + DAY_MS,
      expiresAt: NOW + DAY_MS,
    });
  });

  it('takes bytes as they are, also a part of a larger buffer, and as base64', () => {
    const whole = Buffer.from('xxPDFxx');
    const file = { filename: 'a.pdf', contentType: 'application/pdf' };
    const attachments = [
      { ...file, content: whole.subarray(2, 5) },
      { ...file, content: 'UERG' },
    ];
    const { job } = accepted({ ...minimal, payload: { ...minimal.payload, attachments } });
    expect(job.payload?.attachments.map(({ content }) => content.toString())).toEqual(['PDF', 'PDF']);
  });

  it.each<[string, unknown, string, string]>([
    ['nothing', null, 'not-an-object', ''],
    ['a list', [minimal], 'not-an-object', ''],
    ['text', 'ada@inbox.example', 'not-an-object', ''],
    ['a misspelt field', { ...minimal, recepient: 'x' }, 'field-unknown', 'recepient'],
    [
      'a misspelt inner field',
      { ...minimal, payload: { ...minimal.payload, body: 'x' } },
      'field-unknown',
      'payload.body',
    ],
    ['no recipient', { ...minimal, recipient: undefined }, 'field-missing', 'recipient'],
    ['no type', { recipient: 'ada@inbox.example' }, 'field-missing', 'type'],
    ['a list of recipients', { ...minimal, recipient: ['a@b.example'] }, 'field-invalid', 'recipient: text expected'],
    ['a number as text', { ...minimal, tags: ['a', 1] }, 'field-invalid', 'tags[1]: text expected'],
    [
      'a number in the metadata',
      { ...minimal, metadata: { order: 7 } },
      'field-invalid',
      'metadata.order: text expected',
    ],
    ['half a pair', { ...minimal, metadata: [{ name: 'order' }] }, 'field-missing', 'metadata[0].value'],
    [
      'an unknown priority',
      { ...minimal, priority: 'urgent' },
      'field-invalid',
      'priority: low, normal or high expected',
    ],
    [
      'no base64',
      { ...minimal, payload: { mime: 'From: a' } },
      'field-invalid',
      'payload.mime: bytes, or their base64 expected',
    ],
    ['an unknown type', { ...minimal, type: 'spam' }, 'type-unknown', 'spam'],
    ['a bad address', { ...minimal, recipient: 'ada' }, 'recipient-invalid', 'no-at'],
    ['a bad sender', { ...minimal, payload: { text: 'x' } }, 'sender-invalid', 'empty'],
    ['no content', { ...minimal, payload: null }, 'content-missing', ''],
    ['an empty id', { ...minimal, id: '' }, 'id-invalid', ''],
    ['a time too far ahead', { ...minimal, sendAt: NOW + 31 * DAY_MS }, 'send-at-invalid', String(NOW + 31 * DAY_MS)],
  ])('refuses %s, and says where', (_, input, problem, detail) => {
    expect(accept(input)).toEqual({ ok: false, problem, detail });
  });

  it.each([
    ['a fraction', 0.5],
    ['a day without a time', '2023-11-16'],
    ['a time without a zone', '2023-11-16T00:13:20'],
    ['a month that does not exist', '2023-13-16T00:13:20Z'],
    ['an invalid Date', new Date(Number.NaN)],
  ])('refuses %s as a time: it would mean another moment elsewhere, or none', (_, sendAt) => {
    expect(accept({ ...minimal, sendAt })).toMatchObject({ ok: false, problem: 'field-invalid' });
  });

  it('never throws, whatever it is given, and what it takes can be encoded', () => {
    const codec = new MemoryCodec();
    const names = ['id', 'type', 'recipient', 'payload', 'metadata', 'tags', 'sendAt', '__proto__'];
    const anything = fc.oneof(
      fc.anything(),
      fc.dictionary(fc.constantFrom(...names), fc.anything()).map((over) => ({ ...minimal, ...over })),
    );
    fc.assert(
      fc.property(anything, (input) => {
        const result = accept(input);
        if (!result.ok) return;
        const decoded = codec.decode(
          topics.ingest('transactional'),
          codec.encode(topics.ingest('transactional'), result.job),
        );
        expect(decoded.ok).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  it('makes ids that are UUIDs of version 7 and sort by time', () => {
    const random = new Uint8Array(10).fill(0xff);
    const id = uuidV7(NOW, random);
    expect(id).toBe('018bcfe5-6800-7fff-bfff-ffffffffffff');
    expect(uuidV7(NOW + 1, new Uint8Array(10)) > id).toBe(true);
  });
});

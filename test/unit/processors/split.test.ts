import { splitFeedback } from '../../../processors/split/step.ts';
import type { Feedback } from '../../../src/contracts/generated.ts';
import { classify } from '../../../src/domain/classification.ts';
import { judgedRefusal } from '../../../src/domain/feedback/judge.ts';
import { recipientOf } from '../../../src/domain/feedback/report.ts';
import { tellingWords } from '../../../src/domain/feedback/telling-words.ts';
import { readMail } from '../../../src/mime/read-mail.ts';
import {
  aBounceMail,
  aComplaintMail,
  aFeedback,
  forger,
  NOW,
  returnPathOf,
  splitTools,
} from '../../support/feedback.ts';

const split = async (feedback: Feedback) => splitFeedback(feedback, await readMail(feedback.body), splitTools);
const events = async (feedback: Feedback) => {
  const result = await split(feedback);
  if (!result.ok) throw new Error(result.reason);
  return result.events;
};
const webhook = (format: string, body: unknown): Feedback =>
  aFeedback({ route: 'hook', format, recipient: null, sender: null, body: Buffer.from(JSON.stringify(body)) });

describe('the split', () => {
  it('reads a report to a signed return path: whom, what, and which job', async () => {
    expect(await events(aFeedback())).toEqual([
      {
        eventId: expect.any(String),
        at: NOW,
        kind: 'bounce',
        route: 'inbound',
        format: 'dsn',
        recipient: 'ada@inbox.example',
        tenant: 'default',
        jobId: 'job-1',
        jobDigest: null,
        messageId: 'job-1@shop.example',
        feedbackId: null,
        smtpCode: 550,
        enhancedCode: '5.1.1',
        reply: expect.stringContaining('user unknown'),
        mailType: null,
        unwanted: null,
        label: null,
      },
    ]);
  });

  it.each([
    ['of another key', returnPathOf('job-1', 'default', forger)],
    ['cut short', returnPathOf('job-1').replace(/.@/, '@')],
    ['with a letter changed', returnPathOf('job-1').replace(/\+./, (two) => (two === '+a' ? '+b' : '+a'))],
    ['without a token', 'b@bounces.shop.example'],
    ['without a domain', 'b'],
  ])('does not believe a return path %s', async (_, recipient) => {
    expect(await events(aFeedback({ recipient }))).toMatchObject([{ kind: 'bounce', tenant: null, jobId: null }]);
  });

  it('finds the token where a complaint tells the return path, in the report or in the mail', async () => {
    const arf = { recipient: 'fbl@shop.example', format: 'arf' };
    const path = returnPathOf('job-7', 'acme');
    for (const body of [
      aComplaintMail([], [`Original-Mail-From: <${path}>`]),
      aComplaintMail([`Return-Path: <${path}>`]),
    ]) {
      expect(await events(aFeedback({ ...arf, body: Buffer.from(body) }))).toMatchObject([
        { kind: 'complaint', tenant: 'acme', jobId: 'job-7', label: 'abuse' },
      ]);
    }
  });

  it('carries a job whose names are too long by its digest', async () => {
    const [event] = await events(aFeedback({ recipient: returnPathOf('j'.repeat(100)) }));
    expect(event).toMatchObject({ jobId: null, jobDigest: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  it('makes one event per recipient of a report', async () => {
    const body = aBounceMail().replace(
      '\r\n--=-1\r\nContent-Type: text/rfc822-headers',
      '\r\nFinal-Recipient: rfc822; bob@inbox.example\r\nAction: delayed\r\nStatus: 4.2.2\r\n\r\n--=-1\r\nContent-Type: text/rfc822-headers',
    );
    expect(
      (await events(aFeedback({ body: Buffer.from(body) }))).map(({ kind, recipient }) => [kind, recipient]),
    ).toEqual([
      ['bounce', 'ada@inbox.example'],
      ['delay', 'bob@inbox.example'],
    ]);
  });

  it('tells the same event the same however a provider bundles it, and different ones apart', async () => {
    const event = { event: 'bounce', email: 'ada@inbox.example', sg_event_id: 'e1', timestamp: NOW / 1_000 - 60 };
    const other = { ...event, sg_event_id: 'e2' };
    const [first, second] = await events(webhook('sendgrid', [event, other]));
    const [again] = await events({ ...webhook('sendgrid', [event]), at: NOW + 5_000, batchId: 'other' });
    expect(again).toEqual(first);
    expect(first?.at).toBe(NOW - 60_000);
    expect(second?.eventId).not.toBe(first?.eventId);
    const [elsewhere] = await events({ ...webhook('sendgrid', [event]), route: 'other' });
    expect(elsewhere?.eventId).not.toBe(first?.eventId);
  });

  it('takes an event for no later than it came in, and for no older than can be', async () => {
    const at = async (timestamp: number) =>
      (await events(webhook('sendgrid', [{ event: 'bounce', email: 'ada@inbox.example', timestamp }])))[0]?.at;
    expect(await at(NOW / 1_000 + 3_600)).toBe(NOW);
    expect(await at(1_000_000_000)).toBe(NOW - 30 * 86_400_000);
  });

  it.each([
    [
      'ses',
      {
        notificationType: 'Bounce',
        mail: { source: returnPathOf('job-3') },
        bounce: { bouncedRecipients: [{ emailAddress: 'ada@inbox.example' }] },
      },
    ],
    [
      'mailgun',
      {
        'event-data': {
          event: 'failed',
          severity: 'permanent',
          recipient: 'ada@inbox.example',
          envelope: { sender: returnPathOf('job-3') },
        },
      },
    ],
    ['generic', { type: 'email.bounced', data: { recipient: 'ada@inbox.example', returnPath: returnPathOf('job-3') } }],
  ])('finds the return path in what %s sends', async (format, body) => {
    expect(await events(webhook(format, body))).toMatchObject([{ kind: 'bounce', jobId: 'job-3' }]);
  });

  it('passes over what says nothing about a recipient', async () => {
    expect(await events(webhook('sendgrid', [{ event: 'open', email: 'ada@inbox.example' }]))).toEqual([]);
    expect(await events(aFeedback({ body: Buffer.from('Subject: hello\r\n\r\nHow are you?\r\n') }))).toEqual([]);
  });

  it.each([
    ['unknown-format', aFeedback({ format: 'fax' })],
    ['empty-body', aFeedback({ body: Buffer.alloc(0) })],
    ['unreadable-body', webhook('ses', 'nothing')],
    ['unreadable-body', { ...webhook('generic', {}), body: Buffer.from('{"type":') }],
  ])('names what it cannot read: %s', async (reason, feedback) => {
    expect(await split(feedback)).toMatchObject({ ok: false, reason });
  });
});

describe('telling words', () => {
  const judged = (text: string, enhancedCode: string | null = null) =>
    judgedRefusal(recipientOf('bounce', 'ada@inbox.example', { smtpCode: 550, enhancedCode, text }));

  it('are the whole text where that is short', () => {
    expect(tellingWords(judged('user unknown'))).toBe('user unknown');
  });

  it('are found in the middle of a long text, and lead the rules to the same verdict', () => {
    const long = judged(`${'We are sorry to say so. '.repeat(60)}User unknown. ${'Ask your help desk. '.repeat(60)}`);
    expect(long.found.class).toBe('invalid-recipient');
    const words = tellingWords(long);
    expect(Buffer.byteLength(words)).toBeLessThanOrEqual(512);
    expect(words).toContain('User unknown');
    expect(classify({ ...long.refusal, text: words }).ruleId).toBe(long.found.ruleId);
  });

  it('are within their bytes in any script', () => {
    const words = tellingWords(judged('ユーザーが見つかりません。'.repeat(200)));
    expect(Buffer.byteLength(words)).toBeLessThanOrEqual(512);
    expect(words).not.toContain('\ufffd');
  });
});

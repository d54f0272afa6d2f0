import { jest } from '@jest/globals';
import fc from 'fast-check';
import { SETTLE_MS } from '../../processors/feedback/index.ts';
import { accept } from '../../producers/unsubscribe/accept.ts';
import type { Feedback } from '../../src/contracts/generated.ts';
import type { FeedbackRoute } from '../../src/domain/feedback/route.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import type { Fault } from '../../src/testing/driver.ts';
import { aBounceMail, aComplaintMail, aFeedback, forger, NOW, returnPathOf, sentResult } from '../support/feedback.ts';
import { decisions, isSuppressed, run, webhook, world } from '../support/feedback-world.ts';
import { genericEvent, mailgunEvent, postmarkEvent, sendgridEvents, sesEvent } from '../support/webhooks.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(120_000);

const FORTNIGHT_MS = 14 * 86_400_000;

const OPEN: FeedbackRoute = { tenant: null, sources: [], signed: true };

describe('feedback', () => {
  it('makes of a hard bounce to a signed return path a suppression, a count for those who sent, and an annotation', async () => {
    const job = { id: 'job-1', tenant: 'acme', campaign: 'spring', recipient: 'Ada@Inbox.Example', tags: ['a'] };
    const w = world([sentResult(job)]);
    const body = Buffer.from(aBounceMail());
    const { signals, annotations } = await run(w, [aFeedback({ recipient: returnPathOf('job-1', 'acme'), body })]);
    expect(annotations).toMatchObject([
      {
        jobId: 'job-1',
        tenant: 'acme',
        recipient: 'Ada@Inbox.Example',
        kind: 'annotation',
        annotation: 'bounced_later',
        ending: null,
        smtpCode: 550,
        enhancedCode: '5.1.1',
        class: 'invalid-recipient',
        campaign: 'spring',
        tags: ['a'],
        messageId: 'job-1@shop.example',
      },
    ]);
    expect(signals.map(({ subject }) => subject)).toEqual([
      'recipient:ada@inbox.example',
      'identity:source:relay-1|other',
      'identity:domain:shop.example|other',
      'identity:tenant:acme|other',
      'identity:campaign:acme/spring|other',
    ]);
    for (const signal of signals) {
      expect(signal).toMatchObject({
        kind: 'bounced',
        tenant: 'acme',
        type: 'transactional',
        jobId: 'job-1',
        authenticated: true,
        reply: expect.stringContaining('user unknown'),
        class: 'invalid-recipient',
      });
    }
    expect(isSuppressed(signals, 'ada@inbox.example')).toBe(true);
  });

  it('speaks of the recipient of the job that a token proves, whomever the report names', async () => {
    const body = Buffer.from(aBounceMail({ recipient: 'victim@inbox.example' }));
    const { signals } = await run(world(), [aFeedback({ body })]);
    expect(signals.filter(({ subject }) => subject.startsWith('recipient:')).map(({ subject }) => subject)).toEqual([
      'recipient:ada@inbox.example',
    ]);
    expect(isSuppressed(signals, 'victim@inbox.example')).toBe(false);
  });

  it('finds the mail of a job whose names are too long for a return path', async () => {
    const id = 'j'.repeat(100);
    const { signals } = await run(world([sentResult({ id })]), [aFeedback({ recipient: returnPathOf(id) })]);
    expect(signals[0]).toMatchObject({ jobId: id, authenticated: true });
  });

  it('binds by Message-ID where there is no token, and only for the address that the mail went to', async () => {
    const plain = { recipient: 'b@bounces.shop.example' };
    const theirs = await run(world(), [aFeedback(plain)]);
    expect(isSuppressed(theirs.signals, 'ada@inbox.example')).toBe(true);
    expect(decisions(theirs.telemetry, 'bounce:message-id')).toBe(1);
    const body = Buffer.from(aBounceMail({ recipient: 'victim@inbox.example' }));
    const others = await run(world(), [aFeedback({ ...plain, body })]);
    expect(others.signals.filter(({ authenticated }) => authenticated)).toEqual([]);
    expect(decisions(others.telemetry, 'unbound:other-recipient')).toBe(1);
  });

  it('binds a complaint that names no address to the mail that it returns', async () => {
    const body = Buffer.from(aComplaintMail(['Message-ID: <job-1@shop.example>']));
    const { signals, annotations } = await run(world(), [
      aFeedback({ recipient: 'fbl@shop.example', format: 'arf', body }),
    ]);
    expect(annotations).toMatchObject([{ annotation: 'complained', jobId: 'job-1', reason: 'abuse' }]);
    expect(signals[0]).toMatchObject({ subject: 'recipient:ada@inbox.example', kind: 'complained', tenant: 'default' });
  });

  it('binds by Feedback-ID what a signed webhook says, and nothing that a mail says', async () => {
    const sent = sentResult({ id: 'job-1', campaign: 'spring', type: 'marketing' });
    const feedbackId = 'spring:marketing:default:postlane';
    const event = { type: 'email.complained', data: { recipient: 'ADA@inbox.example', feedbackId } };
    const signed = await run(world([sent]), [webhook('hook', 'generic', event)], { routes: { hook: OPEN } });
    expect(signed.annotations).toMatchObject([{ jobId: 'job-1', annotation: 'complained' }]);
    const body = Buffer.from(aComplaintMail(['To: ada@inbox.example', `Feedback-ID: ${feedbackId}`]));
    const mailed = await run(world([sent]), [aFeedback({ recipient: 'fbl@shop.example', format: 'arf', body })]);
    expect(mailed.annotations).toEqual([]);
    expect(decisions(mailed.telemetry, 'unbound:unsigned')).toBe(1);
  });

  it.each([
    ['type', { marketing: true, notification: false, transactional: false }],
    ['all', { marketing: true, notification: true, transactional: false }],
  ] as const)(
    'believes a link of ours, for a mail that nobody knows any more as well: %s is not wanted',
    async (unwanted, expected) => {
      const link = { tenant: 'acme', type: 'marketing', recipient: 'Ada@inbox.example', jobId: 'job-1' } as const;
      const wish = accept(link, 'a'.repeat(30), unwanted, NOW).value as Feedback;
      for (const sent of [[sentResult({ ...link, id: 'job-1', tags: ['spring'] })], []]) {
        const { signals, annotations, telemetry } = await run(world(sent), [wish, wish]);
        for (const type of EMAIL_TYPES) {
          expect([type, isSuppressed(signals, 'ada@inbox.example', 'acme', type)]).toEqual([type, expected[type]]);
          expect(isSuppressed(signals, 'ada@inbox.example', 'globex', type)).toBe(false);
        }
        expect(annotations).toMatchObject([{ annotation: 'unsubscribed', jobId: 'job-1', type: 'marketing' }]);
        expect(annotations[0]?.tags).toEqual(sent.length > 0 ? ['spring'] : []);
        expect(decisions(telemetry, 'unsubscribe:link')).toBe(1);
      }
    },
  );

  it('takes no other route’s word for a link of ours', async () => {
    const link = { tenant: 'acme', type: 'marketing', recipient: 'ada@inbox.example', jobId: 'job-1' } as const;
    const body = { ...link, unwanted: 'all', event: 'unsubscribe', mailType: 'marketing' };
    const all = ['generic', 'sendgrid', 'unsubscribe'].map((format) => webhook('hook', format, body));
    const { signals, annotations } = await run(world([]), all, { routes: { hook: OPEN } });
    expect(annotations).toEqual([]);
    expect(signals.filter(({ authenticated }) => authenticated)).toEqual([]);
  });

  it('tells of what was delivered, and of what is delayed only to those who sent', async () => {
    const delivered = aBounceMail({ action: 'delivered', status: '2.0.0', diagnostic: 'smtp; 250 2.0.0 Ok' });
    const { signals, annotations } = await run(world(), [
      aFeedback({ batchId: '1', body: Buffer.from(delivered) }),
      aFeedback({
        batchId: '2',
        body: Buffer.from(aBounceMail({ action: 'delayed', status: '4.4.1', diagnostic: 'smtp; 451 4.4.1 try later' })),
      }),
    ]);
    expect(annotations.map(({ annotation }) => annotation)).toEqual(['delivered']);
    expect(signals.map(({ kind, subject }) => [kind, subject.split(':')[0]])).toEqual([
      ['delivered', 'identity'],
      ['delivered', 'identity'],
      ['deferred', 'identity'],
      ['deferred', 'identity'],
    ]);
  });

  it('keeps what nothing binds, as a word that counts for nothing', async () => {
    const { signals, annotations, telemetry } = await run(world([]), [
      aFeedback({ recipient: 'b@bounces.shop.example' }),
    ]);
    expect(annotations).toEqual([]);
    expect(signals).toMatchObject([
      { subject: 'recipient:ada@inbox.example', kind: 'bounced', authenticated: false, jobId: null },
    ]);
    expect(isSuppressed(signals, 'ada@inbox.example')).toBe(false);
    expect(decisions(telemetry, 'unbound:unknown-mail')).toBe(1);
  });

  it('waits for the result of a mail that is refused before it is committed that it went out', async () => {
    const w = world([]);
    const stop = new AbortController();
    void w.clock.sleep(SETTLE_MS / 2, stop.signal).then(() => w.mails.add(sentResult()));
    const { signals } = await run(w, [aFeedback()]);
    stop.abort();
    expect(signals[0]).toMatchObject({ subject: 'recipient:ada@inbox.example', authenticated: true });
  });

  it('waits while it does not know what was sent, and does not give up the report meanwhile', async () => {
    const w = world([]);
    w.mails.lagMs = 3_600_000;
    const stuck = await run(w, [aFeedback()], { waitMaxMs: 5_000 });
    expect(stuck.signals).toEqual([]);
    w.mails.lagMs = 0;
    w.mails.add(sentResult());
    expect((await run(w, [])).signals[0]).toMatchObject({ authenticated: true });
  });

  it('counts a mail once, however often, in whatever order and by however many ways it is told', async () => {
    const bounce = {
      event: 'bounce',
      email: 'ada@inbox.example',
      'smtp-id': '<job-1@shop.example>',
      reason: '550 5.1.1 user unknown',
    };
    const one = [
      aFeedback({ batchId: 'dsn' }),
      aFeedback({ batchId: 'again', body: Buffer.from(aBounceMail({ diagnostic: 'smtp; 550 5.1.1 no such user' })) }),
      webhook('hook', 'sendgrid', [{ ...bounce, sg_event_id: 'e1' }]),
      webhook('hook', 'sendgrid', [
        { ...bounce, sg_event_id: 'e2' },
        { ...bounce, sg_event_id: 'e1' },
      ]),
    ];
    const calm = await run(world(), one, { routes: { hook: OPEN } });
    expect(calm.annotations).toHaveLength(1);
    expect(calm.signals).toHaveLength(3);
    expect(new Set(calm.signals.map(({ eventId }) => eventId)).size).toBe(1);
    const tenfold = Array.from({ length: 10 }, () => one).flat();
    const fault = fc.record<Fault>({
      commit: fc.constantFrom('none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
      crash: fc.boolean(),
    });
    const shuffled = fc.shuffledSubarray(tenfold, { minLength: tenfold.length, maxLength: tenfold.length });
    await fc.assert(
      fc.asyncProperty(
        shuffled,
        fc.array(fault, { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        async (all, faults, batchSize) => {
          const { signals, annotations } = await run(world(), all, { routes: { hook: OPEN }, faults, batchSize });
          expect(annotations).toHaveLength(1);
          expect(signals.map(({ subject }) => subject)).toEqual(calm.signals.map(({ subject }) => subject));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('lets a vague notice not hide the one that tells', async () => {
    const vague = aBounceMail({ status: '5.0.0', diagnostic: 'smtp; 554 delivery error' });
    const { signals, annotations } = await run(world(), [
      aFeedback({ batchId: '1', body: Buffer.from(vague) }),
      aFeedback({ batchId: '2' }),
    ]);
    expect(annotations).toHaveLength(2);
    expect(isSuppressed(signals, 'ada@inbox.example')).toBe(true);
  });

  it('forgets what it counted after its window', async () => {
    const w = world();
    await run(w, [aFeedback()]);
    await w.clock.advance(FORTNIGHT_MS);
    w.cluster.now = w.clock.now();
    const { annotations } = await run(w, [aFeedback({ at: w.clock.now() })]);
    expect(annotations).toHaveLength(2);
  });

  it.each<[string, string, unknown]>([
    ['ses', 'ses', sesEvent],
    ['sendgrid', 'sendgrid', sendgridEvents],
    ['mailgun', 'mailgun', { 'event-data': mailgunEvent }],
    ['postmark', 'postmark', postmarkEvent],
    ['generic', 'generic', genericEvent],
  ])(
    'suppresses by a hard bounce that %s tells, bound by Message-ID, and by that of no mail of ours',
    async (route, format, body) => {
      const routes = { [route]: OPEN };
      const { signals, annotations } = await run(world(), [webhook(route, format, body)], { routes });
      expect(annotations).toMatchObject([{ annotation: 'bounced_later', jobId: 'job-1' }]);
      expect(isSuppressed(signals, 'ada@inbox.example')).toBe(true);
      const other = await run(world([sentResult({ id: 'job-2' })]), [webhook(route, format, body)], { routes });
      expect(other.annotations).toEqual([]);
      expect(other.signals.filter(({ authenticated }) => authenticated)).toEqual([]);
    },
  );

  it('lets a route speak only for its tenant and its sources', async () => {
    const sent = sentResult({ tenant: 'acme' }, { source: 'ses-1' });
    const event = {
      type: 'email.complained',
      data: { recipient: 'ada@inbox.example', messageId: 'job-1@shop.example' },
    };
    const through = async (route: Partial<FeedbackRoute>) => {
      const routes = { hook: { ...OPEN, ...route } };
      const { signals, telemetry } = await run(world([sent]), [webhook('hook', 'generic', event)], { routes });
      return { counted: signals.some(({ authenticated }) => authenticated), telemetry };
    };
    expect((await through({ tenant: 'acme', sources: ['ses-1'] })).counted).toBe(true);
    const otherTenant = await through({ tenant: 'globex' });
    expect(otherTenant.counted).toBe(false);
    expect(decisions(otherTenant.telemetry, 'unbound:other-tenant')).toBe(1);
    const otherSource = await through({ sources: ['sendgrid-1'] });
    expect(otherSource.counted).toBe(false);
    expect(decisions(otherSource.telemetry, 'unbound:other-source')).toBe(1);
  });

  it.each([
    [
      'a token of another key',
      aFeedback({
        recipient: returnPathOf('job-1', 'default', forger),
        body: Buffer.from(aBounceMail({ messageId: '<none@x.example>' })),
      }),
    ],
    [
      'a token of a job that never was',
      aFeedback({
        recipient: returnPathOf('job-9'),
        body: Buffer.from(aBounceMail({ messageId: '<none@x.example>' })),
      }),
    ],
    ['a token of the same job of another tenant', aFeedback({ recipient: returnPathOf('job-1', 'acme') })],
    [
      'a Message-ID of nobody',
      aFeedback({
        recipient: 'b@bounces.shop.example',
        body: Buffer.from(aBounceMail({ messageId: '<x@y.example>' })),
      }),
    ],
    [
      'a route that is not there any more',
      webhook('gone', 'generic', {
        type: 'email.bounced',
        data: { recipient: 'ada@inbox.example', messageId: 'job-1@shop.example', reply: '550 5.1.1 user unknown' },
      }),
    ],
  ])('believes nothing for %s', async (_, feedback) => {
    const { signals, annotations } = await run(world(), [feedback]);
    expect(annotations).toEqual([]);
    expect(signals.filter(({ authenticated }) => authenticated)).toEqual([]);
  });
});

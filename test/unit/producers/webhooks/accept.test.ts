import { accept, statusOf } from '../../../../producers/webhooks/accept.ts';
import { cryptography } from '../../../../producers/webhooks/proofs.ts';
import type { RouteKeys, WebhookRequest } from '../../../../producers/webhooks/request.ts';
import { FEEDBACK_BODY_BYTES_MAX } from '../../../../src/domain/feedback/bounds.ts';
import { NOW } from '../../../support/feedback.ts';
import {
  amazon,
  CERTIFICATE_URL,
  genericCall,
  impostor,
  mailgunCall,
  mailgunEvent,
  postmarkCall,
  postmarkEvent,
  proofs,
  request,
  routes,
  sendgridCall,
  sns,
  subscription,
} from '../../../support/webhooks.ts';

const HOUR_MS = 3_600_000;
const judge = (call: WebhookRequest, route: RouteKeys, known?: ReadonlyMap<string, string>) =>
  accept(call, route, proofs(known), NOW);
const genuine: readonly (readonly [keyof typeof routes, WebhookRequest])[] = [
  ['ses', sns()],
  ['sendgrid', sendgridCall()],
  ['mailgun', mailgunCall()],
  ['postmark', postmarkCall()],
  ['generic', genericCall()],
];

describe.each(genuine)('a genuine call of %s', (name, call) => {
  const route = routes[name];

  it('is taken as it came', () => {
    const verdict = judge(call, route);
    if (verdict.kind !== 'taken') throw new Error(JSON.stringify(verdict));
    expect(verdict.record).toMatchObject({
      topic: { name: 'email.feedback' },
      key: verdict.id,
      value: { route: name, format: name, at: NOW, body: call.body, recipient: null },
    });
  });

  it('is known when it comes again', () => {
    const verdict = judge(call, route);
    if (verdict.kind !== 'taken') throw new Error(JSON.stringify(verdict));
    expect(judge(call, route, new Map([[verdict.id, verdict.content]]))).toEqual({ kind: 'repeated' });
  });

  it('proves nothing to any other route', () => {
    for (const other of Object.values(routes)) {
      if (other.name !== name) expect(judge(call, other)).toMatchObject({ kind: 'refused' });
    }
  });

  it('proves nothing where the route has no keys', () => {
    const none = { ...route, secrets: [], publicKeys: [], topics: [] };
    expect(judge(call, none)).toMatchObject({ kind: 'refused' });
  });

  it('is nothing when it is empty or larger than what is kept', () => {
    for (const body of [Buffer.alloc(0), Buffer.alloc(FEEDBACK_BODY_BYTES_MAX + 1, 0x20)]) {
      expect(judge({ ...call, body }, route)).toEqual({ kind: 'refused', why: 'malformed' });
    }
  });

  it('is refused or read alike with any byte changed, where the bytes are signed', () => {
    if (name === 'mailgun' || name === 'postmark') return;
    const read = (body: Uint8Array) => JSON.parse(Buffer.from(body).toString()).Message;
    for (let at = 0; at < call.body.length; at += 7) {
      const body = Buffer.from(call.body);
      body[at] = (body[at] as number) ^ 1;
      const { kind } = judge({ ...call, body }, route);
      // Of SNS's envelope some fields are not signed, and nobody reads them.
      if (kind === 'taken') expect([name, read(body)]).toEqual(['ses', read(call.body)]);
    }
  });
});

/** What somebody might try, and why it does not count. */
const FORGED: readonly (readonly [string, keyof typeof routes, WebhookRequest, string])[] = [
  ['SNS signed by another key', 'ses', sns({}, { key: impostor.rsa.privateKey }), 'bad-signature'],
  [
    'SNS with another message put in',
    'ses',
    sns({}, { after: { Message: '{"notificationType":"Complaint"}' } }),
    'bad-signature',
  ],
  ['SNS with a subject put in', 'ses', sns({}, { after: { Subject: 'x' } }), 'bad-signature'],
  [
    'SNS with the topic changed to ours',
    'ses',
    sns({ TopicArn: 'arn:aws:sns:eu-west-1:666666666666:mail' }, { after: { TopicArn: routes.ses.topics[0] } }),
    'bad-signature',
  ],
  [
    'SNS, genuine, of a topic of somebody else',
    'ses',
    sns({ TopicArn: 'arn:aws:sns:eu-west-1:666666666666:mail' }),
    'other-topic',
  ],
  ['SNS without a signature', 'ses', sns({}, { after: { Signature: '' } }), 'unsigned'],
  ['SNS with a signature that is none', 'ses', sns({}, { after: { Signature: '%%%' } }), 'unsigned'],
  ['SNS with SHA-1', 'ses', sns({}, { version: '1' }), 'signature-version'],
  ['SNS with a version that is none', 'ses', sns({}, { after: { SignatureVersion: '3' } }), 'signature-version'],
  [
    'SNS with SHA-1 called SHA-256',
    'ses',
    sns({}, { version: '1', after: { SignatureVersion: '2' } }),
    'bad-signature',
  ],
  [
    'SNS with a certificate elsewhere',
    'ses',
    sns({ SigningCertURL: 'https://sns.eu-west-1.amazonaws.com.evil.example/x.pem' }),
    'certificate-host',
  ],
  [
    'SNS with a certificate in a bucket',
    'ses',
    sns({ SigningCertURL: 'https://s3.eu-west-1.amazonaws.com/x/x.pem' }),
    'certificate-host',
  ],
  [
    'SNS with a certificate on a host that begins like one',
    'ses',
    sns({ SigningCertURL: 'https://sns.evil.example/.amazonaws.com/x.pem' }),
    'certificate-host',
  ],
  [
    'SNS with a certificate over http',
    'ses',
    sns({ SigningCertURL: CERTIFICATE_URL.replace('https', 'http') }),
    'certificate-host',
  ],
  [
    'SNS with a certificate on another port',
    'ses',
    sns({ SigningCertURL: CERTIFICATE_URL.replace('.com/', '.com:8443/') }),
    'certificate-host',
  ],
  [
    'SNS with a certificate behind a user',
    'ses',
    sns({ SigningCertURL: CERTIFICATE_URL.replace('https://', 'https://x@') }),
    'certificate-host',
  ],
  [
    'SNS with a certificate that is no .pem',
    'ses',
    sns({ SigningCertURL: CERTIFICATE_URL.replace('.pem', '.txt') }),
    'certificate-host',
  ],
  [
    'SNS with a certificate with a query',
    'ses',
    sns({ SigningCertURL: `${CERTIFICATE_URL}?x=.pem` }),
    'certificate-host',
  ],
  ['SNS of two hours ago', 'ses', sns({ Timestamp: new Date(NOW - 2 * HOUR_MS).toISOString() }), 'stale'],
  ['SNS of tomorrow', 'ses', sns({ Timestamp: new Date(NOW + 24 * HOUR_MS).toISOString() }), 'from-the-future'],
  ['SNS without a time', 'ses', sns({}, { without: 'Timestamp' }), 'malformed'],
  ['SNS with a time that is none', 'ses', sns({ Timestamp: 'yesterday' }), 'malformed'],
  ['SNS without an id', 'ses', sns({ MessageId: '' }), 'malformed'],
  ['SNS of another type', 'ses', sns({ Type: 'Notice' }), 'malformed'],
  [
    'SNS without its envelope',
    'ses',
    { ...sns(), header: (name: string) => (name === 'x-amz-sns-rawdelivery' ? 'true' : undefined) },
    'raw-delivery',
  ],
  ['an event of SES, bare', 'ses', request('{"notificationType":"Bounce"}'), 'unsigned'],
  [
    'a subscription to a topic of somebody else',
    'ses',
    subscription({ TopicArn: 'arn:aws:sns:eu-west-1:666666666666:mail' }),
    'other-topic',
  ],
  [
    'a subscription that leads elsewhere',
    'ses',
    subscription({ SubscribeURL: 'https://169.254.169.254/?Action=ConfirmSubscription' }),
    'subscribe-url',
  ],
  [
    'a subscription that does something else',
    'ses',
    subscription({ SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic' }),
    'subscribe-url',
  ],
  ['SendGrid signed by another key', 'sendgrid', sendgridCall({ key: impostor.ec.privateKey }), 'bad-signature'],
  ['SendGrid with another body', 'sendgrid', sendgridCall({ signed: '[]' }), 'bad-signature'],
  [
    'SendGrid without a signature',
    'sendgrid',
    request('[]', { 'x-twilio-email-event-webhook-timestamp': String(NOW / 1_000) }),
    'unsigned',
  ],
  [
    'SendGrid without a time',
    'sendgrid',
    request('[]', { 'x-twilio-email-event-webhook-signature': 'AAAA' }),
    'unsigned',
  ],
  [
    'SendGrid with a signature that is none',
    'sendgrid',
    request('[]', { 'x-twilio-email-event-webhook-signature': 'AAAA', 'x-twilio-email-event-webhook-timestamp': '1' }),
    'bad-signature',
  ],
  ['SendGrid of an hour ago', 'sendgrid', sendgridCall({ at: NOW - HOUR_MS }), 'stale'],
  ['SendGrid of in an hour', 'sendgrid', sendgridCall({ at: NOW + HOUR_MS }), 'from-the-future'],
  ['Mailgun signed by another key', 'mailgun', mailgunCall({ key: 'some-other-signing-key' }), 'bad-signature'],
  ['Mailgun with another token', 'mailgun', mailgunCall({ after: { token: 'b'.repeat(50) } }), 'bad-signature'],
  [
    'Mailgun with the border between time and token moved',
    'mailgun',
    mailgunCall({
      after: { timestamp: String(NOW / 1_000).slice(0, 9), token: `${String(NOW / 1_000).slice(9)}${'a'.repeat(50)}` },
    }),
    'malformed',
  ],
  ['Mailgun without a signature', 'mailgun', request(JSON.stringify({ 'event-data': mailgunEvent })), 'unsigned'],
  ['Mailgun with half a signature', 'mailgun', mailgunCall({ after: { signature: 'abcd' } }), 'bad-signature'],
  ['Mailgun with a token without an end', 'mailgun', mailgunCall({ token: 'a'.repeat(300) }), 'malformed'],
  ['Mailgun of yesterday', 'mailgun', mailgunCall({ at: NOW - 24 * HOUR_MS }), 'stale'],
  ['Mailgun of tomorrow', 'mailgun', mailgunCall({ at: NOW + 24 * HOUR_MS }), 'from-the-future'],
  ['Postmark without a password', 'postmark', postmarkCall(null), 'unsigned'],
  ['Postmark with another password', 'postmark', postmarkCall('postmark:some-other-password'), 'bad-signature'],
  ['Postmark with another user', 'postmark', postmarkCall('admin:a-password-of-some-length'), 'bad-signature'],
  ['Postmark with a part of the password', 'postmark', postmarkCall('postmark:a-password'), 'bad-signature'],
  ['Postmark with a bearer token', 'postmark', request('{}', { authorization: 'Bearer cG9zdG1hcms6eA==' }), 'unsigned'],
  [
    'Postmark of last week',
    'postmark',
    postmarkCall(undefined, { ...postmarkEvent, BouncedAt: new Date(NOW - 168 * HOUR_MS).toISOString() }),
    'stale',
  ],
  [
    'Standard Webhooks signed by another key',
    'generic',
    genericCall({ key: Buffer.from('another secret of sufficient size') }),
    'bad-signature',
  ],
  ['Standard Webhooks with another body', 'generic', genericCall({ signed: '{}' }), 'bad-signature'],
  [
    'Standard Webhooks under another id',
    'generic',
    genericCall({ headers: { 'webhook-id': 'msg_2' } }),
    'bad-signature',
  ],
  [
    'Standard Webhooks at another time',
    'generic',
    genericCall({ headers: { 'webhook-timestamp': String(NOW / 1_000 + 1) } }),
    'bad-signature',
  ],
  ['Standard Webhooks with an id that moves the border', 'generic', genericCall({ id: 'msg.1' }), 'malformed'],
  [
    'Standard Webhooks with a signature of another kind',
    'generic',
    genericCall({ headers: { 'webhook-signature': 'v1a,AAAA' } }),
    'bad-signature',
  ],
  ['Standard Webhooks with no signature', 'generic', genericCall({ headers: { 'webhook-signature': '' } }), 'unsigned'],
  ['Standard Webhooks without an id', 'generic', genericCall({ headers: { 'webhook-id': '' } }), 'unsigned'],
  ['Standard Webhooks of ten minutes ago', 'generic', genericCall({ at: NOW - HOUR_MS / 6 }), 'stale'],
  ['Standard Webhooks of in ten minutes', 'generic', genericCall({ at: NOW + HOUR_MS / 6 }), 'from-the-future'],
];

describe('what is forged, replayed or stale', () => {
  it.each(FORGED)('%s', (_, name, call, why) => {
    const verdict = judge(call, routes[name]);
    expect(verdict).toEqual({ kind: 'refused', why });
    if (verdict.kind === 'refused') expect(statusOf(verdict.why)).toBeGreaterThanOrEqual(400);
  });

  it('is a token of Mailgun under another event', () => {
    const first = judge(mailgunCall(), routes.mailgun);
    if (first.kind !== 'taken') throw new Error(first.kind);
    const forged = mailgunCall({ event: { ...mailgunEvent, recipient: 'victim@inbox.example' } });
    expect(judge(forged, routes.mailgun, new Map([[first.id, first.content]]))).toEqual({
      kind: 'refused',
      why: 'token-reused',
    });
  });
});

describe('SNS', () => {
  it('asks for the certificate that it does not have yet, and refuses one that cannot be used', () => {
    const url = CERTIFICATE_URL.replace('-0', '-1');
    expect(judge(sns({ SigningCertURL: url }), routes.ses)).toEqual({ kind: 'needs-certificate', url });
    const none = { ...proofs(), certificateKey: () => null };
    expect(accept(sns(), routes.ses, none, NOW)).toEqual({ kind: 'refused', why: 'certificate-unusable' });
  });

  it('is taken with SHA-1 where the route allows that', () => {
    const route = { ...routes.ses, allowSnsSignatureV1: true };
    expect(judge(sns({}, { version: '1' }), route).kind).toBe('taken');
    expect(judge(sns({ Subject: 'x' }, { version: '1' }), route).kind).toBe('taken');
  });

  it('has a subscription to a topic of ours confirmed', () => {
    expect(judge(subscription(), routes.ses)).toMatchObject({
      kind: 'confirm',
      url: expect.stringContaining('Action=ConfirmSubscription'),
    });
  });

  it('may end a subscription, and nothing follows from it', () => {
    expect(judge(subscription({ Type: 'UnsubscribeConfirmation' }), routes.ses)).toEqual({ kind: 'ignored' });
  });
});

describe('signatures', () => {
  it('are taken of any of several keys, so that one can follow the other', () => {
    const route = {
      ...routes.generic,
      secrets: [Buffer.from('the next secret, of sufficient size'), ...routes.generic.secrets],
    };
    expect(judge(genericCall(), route).kind).toBe('taken');
    const several = genericCall();
    const signature = several.header('webhook-signature');
    expect(judge(genericCall({ headers: { 'webhook-signature': `v1,AAAA ${signature}` } }), route).kind).toBe('taken');
  });

  it('of another kind of key prove nothing, and nothing throws', () => {
    expect(cryptography.verify('ecdsa-sha256', amazon.publicKey, ['x'], Buffer.from('x'))).toBe(false);
    expect(cryptography.verify('rsa-sha256', undefined, ['x'], Buffer.from('x'))).toBe(false);
    expect(cryptography.equal(Buffer.from('ab'), Buffer.from('abc'))).toBe(false);
  });
});

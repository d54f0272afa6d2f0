import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { BOUNCE_RULES, BOUNCE_RULES_VERSION } from '../../../src/domain/bounce-rules.ts';
import { type BounceRule, classify, type Refusal } from '../../../src/domain/classification.ts';
import { ALL_KIND_RULES } from '../../../src/domain/feedback/judge.ts';
import { readRefusal } from '../../../src/domain/refusal.ts';
import { checkRules } from '../../../src/domain/rule-check.ts';

const refusal = (line: string, stage: string | null = 'rcpt'): Refusal => readRefusal(line, stage);

describe('what a refusal means', () => {
  it.each([
    // reply, class, permanent, suppress
    ['550 5.1.1 The email account that you tried to reach does not exist.', 'invalid-recipient', true, true],
    [
      '550 5.1.1 <spam@x.example>: Recipient address rejected: User unknown in virtual mailbox table',
      'invalid-recipient',
      true,
      true,
    ],
    ['450 4.1.1 <a@x.example>: Recipient address rejected: unverified address', 'invalid-recipient', false, false],
    ['550 5.1.2 Bad destination system address', 'invalid-domain', true, true],
    ['556 5.1.10 Recipient address has null MX', 'invalid-domain', true, true],
    ['553 5.1.3 The recipient address is not a valid RFC 5321 address', 'invalid-recipient', true, true],
    ["554 delivery error: dd This user doesn't have a yahoo.com account", 'invalid-recipient', true, true],
    ['550 5.5.0 Requested action not taken: mailbox unavailable', 'invalid-recipient', true, true],
    ['550 No such user here', 'invalid-recipient', true, true],
    ['550 5.4.1 Recipient address rejected: Access denied.', 'invalid-recipient', true, false],
    ['554 5.7.1 <a@x.example>: Recipient address rejected: Access denied', 'policy', true, false],
    [
      '550 5.7.515 Access denied, sending domain does not meet the required authentication level',
      'auth-failure',
      true,
      false,
    ],
    ['550 5.7.26 This mail has been blocked because the sender is unauthenticated.', 'auth-failure', true, false],
    ['550 5.1.0 Sender address rejected: Domain not found', 'auth-failure', true, false],
    ['550 5.1.1 Rejected: your address is listed at zen.spamhaus.org', 'blocklist', true, false],
    ['554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example', 'blocklist', true, false],
    ['421 4.7.28 Gmail has detected an unusual rate of unsolicited mail', 'rate-limited', false, false],
    ['550 5.7.28 Gmail has detected an unusual rate of unsolicited mail', 'rate-limited', false, false],
    [
      '450 4.2.1 The user you are trying to contact is receiving mail at a rate that is too high',
      'rate-limited',
      false,
      false,
    ],
    ['421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred', 'rate-limited', false, false],
    ['451 4.7.1 Greylisting in action, please come back later', 'greylisted', false, false],
    ['552 5.2.2 The email account that you tried to reach is over quota', 'mailbox-full', true, false],
    ['452 4.2.2 Mailbox full', 'mailbox-full', false, false],
    ['550 5.2.1 The email account that you tried to reach is disabled', 'inactive', true, false],
    ['552 5.3.4 Message size exceeds fixed maximum message size', 'too-large', true, false],
    ['554 5.7.1 Message rejected as spam by content filtering', 'spam-content', true, false],
    ['550 5.4.7 Message expired', 'retries-exhausted', true, false],
    ['451 4.4.1 No answer from host', 'routing', false, false],
    ['553 5.6.7 SMTPUTF8 not supported', 'unsupported', true, false],
    ['550 5.7.1 Relaying denied', 'not-accepted-here', true, false],
    ['535 5.7.8 Authentication credentials invalid', 'auth-failure', false, false],
    ['500 Command unrecognized', 'protocol', true, false],
    ['550 permanent failure for one or more recipients (ada@inbox.example:blocked)', 'policy', true, false],
    ['550 Recipient has left the university', 'invalid-recipient', true, true],
    ['554 5.4.4 SMTPSEND.DNS.NonExistentDomain', 'invalid-domain', true, true],
    ['550 5.1.1 Relay denied', 'not-accepted-here', true, false],
    ['550 5.1.1 Account is temporarily suspended', 'inactive', true, false],
    ['550 5.1.2 Temporary failure in name resolution', 'routing', true, false],
    ['550 HELO argument does not resolve: host unknown', 'auth-failure', true, false],
    ['550 Die Domain des Absenders existiert nicht', 'auth-failure', true, false],
    ['550 Okänd mottagare', 'invalid-recipient', true, true],
    ['550 Neznámý uživatel', 'invalid-recipient', true, true],
    ['550 Kullanici bulunamadi', 'invalid-recipient', true, true],
    ['552 Skrzynka odbiorcy jest przepelniona', 'mailbox-full', true, false],
    ['552 Brevlådan är full', 'mailbox-full', true, false],
    [
      '450 Host or domain name not found. Name service error for name=a.example type=MX: Host not found, try again',
      'routing',
      false,
      false,
    ],
    ['550 5.7.1 RESOLVER.RST.AuthRequired; authentication required', 'not-accepted-here', true, false],
    ['552 This user has too many messages in mailbox', 'mailbox-full', true, false],
    ['550 You have exceeded the maximum number of recipients per hour', 'rate-limited', false, false],
    ['451 4.3.0 qq write error or disk full', 'transient', false, false],
    ['550 5.4.310 DNS domain expired.example does not exist', 'invalid-domain', true, true],
    ['550 an MX or SRV record indicated no SMTP service', 'invalid-domain', true, true],
    ['554 5.7.1 This email from IP 192.0.2.1 has been rejected. It was detected as spam.', 'spam-content', true, false],
    ['550 5.7.17 Mailbox owner has changed', 'not-accepted-here', true, false],
    ['421 Service not available', 'rate-limited', false, false],
    ['451 Something odd', 'transient', false, false],
    ['554 Something odd', 'undetermined', true, false],
  ])('%s', (line, expected, permanent, suppress) => {
    expect(classify(refusal(line))).toMatchObject({ class: expected, permanent, suppress });
  });

  it('takes silence for no word about the address', () => {
    const nothing = { smtpCode: null, enhancedCode: null, text: '', stage: 'connect' };
    expect(classify(nothing)).toMatchObject({ class: 'unreachable', permanent: false, suppress: false });
  });

  it('takes no refusal of the sender command for one of the recipient', () => {
    expect(classify(refusal('550 No such user here', 'mail')).suppress).toBe(false);
    expect(classify(refusal('550 No such user here', null)).suppress).toBe(true);
  });

  it('never suppresses for anything that is not final', () => {
    const anything = fc.record({
      smtpCode: fc.option(fc.integer({ min: 400, max: 599 })),
      enhancedCode: fc.option(fc.tuple(fc.constantFrom(4, 5), fc.nat(8), fc.nat(40)).map((parts) => parts.join('.'))),
      text: fc.oneof(fc.string(), fc.constantFrom('user unknown', 'no such mailbox', 'spam', 'later')),
      stage: fc.constantFrom('mail', 'rcpt', 'dot', null),
    });
    fc.assert(
      fc.property(anything, (some) => {
        const { suppress, permanent, severity, class: found } = classify(some);
        if (suppress) expect({ permanent, severity }).toEqual({ permanent: true, severity: 'hard' });
        if (suppress) expect(['invalid-recipient', 'invalid-domain']).toContain(found);
      }),
    );
  });

  it('comes to an end for hostile replies, too', () => {
    const hostile = [
      'a'.repeat(100_000),
      'user '.repeat(20_000),
      '@'.repeat(100_000),
      'mailbox '.repeat(9_000),
      '[ts'.repeat(9_000),
    ];
    for (const text of hostile) {
      expect(classify({ smtpCode: 550, enhancedCode: null, text, stage: 'rcpt' }).permanent).toBe(true);
    }
  });
});

describe('the rules as data', () => {
  it('say why, are reachable, and get their own samples', () => {
    expect(checkRules()).toEqual([]);
  });

  it.each<[string, Partial<BounceRule>, RegExp]>([
    ['no reason', { why: 'because' }, /does not say why/],
    ['no matcher', { text: undefined }, /matches everything/],
    ['no sample', { samples: [] }, /no sample/],
    ['a sample of another', { samples: ['550 5.1.1 nothing of the kind'] }, /does not match its own sample/],
    ['an earlier rule in its way', { text: /zen/, samples: ['550 zen.spamhaus.org'] }, /"blocklisted" comes first/],
    ['the name of another', { id: 'blocklisted' }, /another rule of this name/],
    ['a needless word', { suppress: false }, /need not say/],
  ])('are found out where one has %s', (_, fault, expected) => {
    const good: BounceRule = {
      id: 'planted',
      text: /planted/,
      class: 'policy',
      severity: 'none',
      why: 'a rule that a test has planted',
      samples: ['550 planted'],
    };
    expect(checkRules([...BOUNCE_RULES.slice(0, -1), good])).toEqual([]);
    const problems = checkRules([...BOUNCE_RULES.slice(0, -1), { ...good, ...fault }]);
    expect(problems.map(({ problem }) => problem).join('\n')).toMatch(expected);
  });

  it('change only together with their version', () => {
    const text = JSON.stringify([BOUNCE_RULES, ALL_KIND_RULES], (_, value) =>
      value instanceof RegExp ? String(value) : value,
    );
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
    expect(`${BOUNCE_RULES_VERSION}:${digest}`).toMatchInlineSnapshot(`"3:6a2c116062e0b68d"`);
  });
});

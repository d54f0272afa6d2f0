import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { foldAddress, parseMailbox } from '../../../src/domain/address.ts';
import { BOUNCE_RULES } from '../../../src/domain/bounce-rules.ts';
import { classify } from '../../../src/domain/classification.ts';
import { keyIdIn, PLAIN_NAMES, recipientNames, withoutAddresses } from '../../../src/domain/recipient-names.ts';
import { keptSignal } from '../../../src/domain/results.ts';
import { recipientIn, recipientSubject, tenantRecipientSubject } from '../../../src/domain/suppression.ts';

import { addressKeyOf } from '../../../src/host/address-keys.ts';
import { anyAddress } from '../../support/any-address.ts';

const [OLD, NEW] = [
  addressKeyOf(Buffer.from('an old key of thirty-two characters')),
  addressKeyOf(Buffer.from('a new key of thirty-two characters!')),
];
const ADA = 'ada@inbox.example';

const foldedOf = (address: string): string => {
  const mailbox = parseMailbox(address);
  if (!mailbox.ok) throw new Error(mailbox.fault);
  return foldAddress(mailbox.value);
};

describe('what stands for a recipient', () => {
  it('is HMAC-SHA-256 by the first key, marked as such, and found under every key and in the clear', () => {
    const mac = createHmac('sha256', 'a new key of thirty-two characters!').update(ADA).digest();
    const names = recipientNames([NEW, OLD], true);
    expect(names.nameOf(ADA)).toBe(`h1:${NEW.id}:${mac.subarray(0, 16).toString('base64url')}`);
    expect(names.namesOf(ADA)).toEqual([names.nameOf(ADA), `h1:${OLD.id}:${OLD.mac(ADA)}`, ADA]);
    expect(keyIdIn(names.nameOf(ADA))).toBe(NEW.id);
    expect(NEW.id).not.toBe(OLD.id);
  });

  it('is the address until hashing is switched on, and found under keys that are only announced', () => {
    const names = recipientNames([NEW], false);
    expect([names.nameOf(ADA), names.writes]).toEqual([ADA, null]);
    expect(names.namesOf(ADA)).toEqual([ADA, `h1:${NEW.id}:${NEW.mac(ADA)}`]);
    expect(PLAIN_NAMES.namesOf(ADA)).toEqual([ADA]);
  });

  it('stays as it is where it is hashed already, and no address is taken for that', () => {
    const names = recipientNames([NEW, OLD], true);
    const old = `h1:${OLD.id}:${OLD.mac(ADA)}`;
    expect([names.nameOf(old), names.namesOf(old)]).toEqual([old, [old]]);
    fc.assert(fc.property(anyAddress, (address) => keyIdIn(foldedOf(address)) === null));
  });

  it('is a recipient’s name in subjects, as an address is', () => {
    const name = recipientNames([NEW], true).nameOf(ADA);
    expect(recipientIn(recipientSubject(name))).toBe(name);
    expect(recipientIn(tenantRecipientSubject('a:b', name))).toBe(name);
  });
});

describe('a text that is kept', () => {
  it.each([
    ['550 5.1.1 <ada@inbox.example>: user unknown', '550 5.1.1 <*>: user unknown'],
    ['ada@inbox.example, bob@inbox.example', '*, *'],
    ['no mailbox "ada lovelace"@inbox.example here', 'no mailbox * here'],
    ['no mailbox "a\\"b c"@inbox.example here', 'no mailbox * here'],
    ['http://x.example/?a=ada%40inbox.example&b', 'http:*'],
    ['=?utf-8?q?ada=40inbox.example?=', '*'],
    ['mailto:ada@inbox.example.', 'mailto:*'],
    ["o'brien@inbox.example", '*'],
    ['ada@inbox.exampleというユーザーは存在しません', '*というユーザーは存在しません'],
    ['用户@inbox.example 不存在', '* 不存在'],
    ['nothing of the kind', 'nothing of the kind'],
    ['@', '*'],
    ['', ''],
  ])('loses what looks like an address: %j', (text, left) => {
    expect(withoutAddresses(text, () => '*')).toBe(left);
  });

  it('holds no address, whatever stands around it and however often it is there', () => {
    const around = fc.constantFrom('', ' ', '<', '>', ': ', '"', "'", 'x', '.', '(', ' =', ';', ',', '@', '\\', 'ü');
    const text = fc.array(fc.tuple(around, anyAddress, around), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, (parts) => {
        const kept = withoutAddresses(parts.flat().join(''), () => '*').toLowerCase();
        return parts.every(([, address]) => !kept.includes(address.toLowerCase()));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is looked through in time that grows with its length alone', () => {
    for (const bad of ['@', '"@', '\\"', '"\\', 'a', '%40"']) {
      expect(withoutAddresses(bad.repeat(2_000), () => '').length).toBeLessThanOrEqual(4_096);
    }
  });

  it('is of the same class as before: every sample of every rule, also with an address in it', () => {
    const names = recipientNames([NEW], true);
    const samples = BOUNCE_RULES.flatMap(({ samples }) => samples).flatMap((text) => [
      text,
      `${text} <${ADA}>`,
      text.replace(/\b(user|mailbox|recipient|account)\b/i, `$1 <${ADA}>`),
    ]);
    const classOf = (text: string) => {
      const [, code = '', enhanced = null, words = ''] =
        /^(\d{3})?[ -]?(\d\.\d{1,3}\.\d{1,3})? ?(.*)$/s.exec(text) ?? [];
      return classify({ smtpCode: code ? Number(code) : null, enhancedCode: enhanced, text: words, stage: null }).class;
    };
    expect(samples.length).toBeGreaterThan(100);
    for (const text of samples)
      expect({ text, class: classOf(names.text(text)) }).toEqual({ text, class: classOf(text) });
  });

  it('tells identifiers apart by the hashes of the addresses in them', () => {
    const { label } = recipientNames([NEW], true);
    const [ada, bob] = [
      label('complained:shop/welcome-ada@inbox.example'),
      label('complained:shop/welcome-bob@inbox.example'),
    ];
    expect(ada).not.toContain('inbox.example');
    expect(ada).not.toBe(bob);
    expect(label('bounced:email.send.marketing.google/1/7')).toBe('bounced:email.send.marketing.google/1/7');
  });
});

it('a signal keeps an address in none of its texts, and is as it was where recipients are not hashed', () => {
  const names = recipientNames([NEW], true);
  const facts = {
    eventId: `complained:default/${ADA}`,
    subject: recipientSubject(names.nameOf(ADA)),
    kind: 'complained',
    at: 1,
    tenant: 'default',
    type: 'marketing',
    jobId: ADA,
    reply: `550 <${ADA}> unknown`,
    why: `as ${ADA} asked`,
  } as const;
  expect(JSON.stringify(keptSignal(facts, names))).not.toContain(ADA);
  expect(keptSignal(facts, PLAIN_NAMES)).toMatchObject({ eventId: facts.eventId, reply: facts.reply, why: facts.why });
});

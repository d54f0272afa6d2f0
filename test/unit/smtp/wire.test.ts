import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { readReturnPathLocal } from '../../../src/domain/verp.ts';
import { stuffDots } from '../../../src/smtp/dot-stuffing.ts';
import { readCapabilities } from '../../../src/smtp/handshake.ts';
import { patienceOf } from '../../../src/smtp/patience.ts';
import { type RawReply, ReplyReader } from '../../../src/smtp/reply-reader.ts';
import { VerpSigner } from '../../../src/smtp/verp-signer.ts';

describe('ReplyReader', () => {
  const read = (text: string, cuts: readonly number[] = []): RawReply[] | null => {
    const bytes = Buffer.from(text, 'utf8');
    const reader = new ReplyReader();
    const replies: RawReply[] = [];
    const edges = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    for (let index = 1; index < edges.length; index++) {
      const found = reader.push(bytes.subarray(edges[index - 1], edges[index]));
      if (found === null) return null;
      replies.push(...found);
    }
    return replies;
  };

  it('reads replies of one line and of several', () => {
    expect(read('220 hi\r\n250-a\r\n250-b c\r\n250 d\r\n354\r\n')).toEqual([
      { code: 220, lines: ['hi'] },
      { code: 250, lines: ['a', 'b c', 'd'] },
      { code: 354, lines: [''] },
    ]);
  });

  it('reads the same however the bytes are cut', () => {
    const text = '220 hi ü€😀\r\n250-a\r\n250 d\n421 4.3.2 bye\r\n';
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 20 }), (cuts) => {
        expect(read(text, cuts)).toEqual(read(text));
      }),
    );
  });

  it.each([
    '',
    'x\r\n',
    '25 ok\r\n',
    '2500 ok\r\n',
    '150 ok\r\n',
    '650 ok\r\n',
    '250-a\r\n550 b\r\n',
    '250+a\r\n',
    '\r\n',
  ])('takes nothing else for a reply: %j', (text) => {
    expect(read(text)).toEqual(text === '' ? [] : null);
  });

  it('has bounds', () => {
    expect(read(`250 ${'x'.repeat(2_000)}\r\n`)).toHaveLength(1);
    expect(read('x'.repeat(3_000))).toBeNull();
    expect(read(`250 ${'x'.repeat(3_000)}\r\n`)).toBeNull();
    expect(read(`${'250-x\r\n'.repeat(99)}250 x\r\n`)?.[0]?.lines).toHaveLength(100);
    expect(read(`${'250-x\r\n'.repeat(100)}250 x\r\n`)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void new ReplyReader().push(Buffer.from(bytes))),
    );
  });
});

describe('stuffDots', () => {
  it('is undone by who reads line by line, and never holds the end of a message', () => {
    const part = fc.constantFrom('.', '..', 'a', '\r\n', '\r\n.', 'ü');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const message = Buffer.from(`${parts.join('')}\r\n`);
        const stuffed = stuffDots(message).toString();
        expect(`\r\n${stuffed}`).not.toContain('\r\n.\r\n');
        const read = stuffed.split('\r\n').map((line) => (line.startsWith('.') ? line.slice(1) : line));
        expect(read.join('\r\n')).toBe(message.toString());
      }),
    );
  });

  it('answers the same buffer where there is nothing to do', () => {
    const message = Buffer.from('a.b\r\n');
    expect(stuffDots(message)).toBe(message);
  });
});

describe('readCapabilities', () => {
  it('reads what we use, however it is written', () => {
    const lines = [
      'host greets you',
      'pipelining',
      'SIZE 1000',
      'AUTH plain',
      'AUTH=LOGIN',
      '8BITMIME',
      'SMTPUTF8',
      'STARTTLS',
      'X',
    ];
    expect(readCapabilities(lines)).toEqual({
      pipelining: true,
      smtputf8: true,
      eightBitMime: true,
      startTls: true,
      auth: new Set(['PLAIN', 'LOGIN']),
      sizeMax: 1_000,
    });
  });

  it('does not take the greeting for an extension, nor a size of nothing for a limit', () => {
    for (const size of ['SIZE', 'SIZE 0', 'SIZE x', 'SIZE -1']) {
      expect(readCapabilities(['PIPELINING', size])).toMatchObject({ pipelining: false, sizeMax: null });
    }
  });
});

describe('patienceOf', () => {
  it('waits ten minutes for the reply to the final dot, and scales as a whole', () => {
    expect(patienceOf(1).dot).toBe(600_000);
    expect(patienceOf(0.01)).toMatchObject({ dot: 6_000, mail: 3_000 });
    expect(patienceOf(0).quit).toBe(1);
    expect(patienceOf(0.001).notice).toBe(200);
    const { attempt, ...stages } = patienceOf(1);
    expect(attempt).toBeGreaterThan(Object.values(stages).reduce((sum, ms) => sum + ms, 0));
  });
});

describe('VerpSigner', () => {
  const key = Buffer.alloc(32, 7);
  const jobId = '0f9a2c4e-1111-4222-8333-0123456789ab';

  it('recognises what it wrote, in capitals too', () => {
    const signer = new VerpSigner([key]);
    const { local, domain } = signer.returnPath('default', jobId, 'bounce.shop.example');
    expect(domain).toBe('bounce.shop.example');
    expect(signer.verify(local.toUpperCase())).toEqual({ kind: 'job', tenant: 'default', jobId });
    const long = signer.returnPath('a tenant of many letters', jobId, 'b.example');
    expect(signer.verify(long.local)?.kind).toBe('digest');
  });

  it('signs with HMAC-SHA-256', () => {
    for (const bytes of [16, 64, 65, 200]) {
      const secret = Buffer.alloc(bytes, 5);
      const read = readReturnPathLocal(new VerpSigner([secret]).returnPath('acme', 'job', 'b.example').local);
      const expected = createHmac('sha256', secret)
        .update('postlane return path\0')
        .update(read?.identity ?? '')
        .digest();
      expect(Buffer.from(read?.signature ?? [])).toEqual(expected.subarray(0, 10));
    }
  });

  it('knows paths of an older key, and none of an unknown one', () => {
    const old = new VerpSigner([Buffer.alloc(32, 1)]).returnPath('default', jobId, 'b.example').local;
    expect(new VerpSigner([key, Buffer.alloc(32, 1)]).verify(old)).not.toBeNull();
    expect(new VerpSigner([key]).verify(old)).toBeNull();
  });

  it('refuses a path with any character changed', () => {
    const signer = new VerpSigner([key]);
    const { local } = signer.returnPath('acme', 'job-1', 'b.example');
    for (let at = 2; at < local.length; at++) {
      const changed = local.slice(0, at) + (local[at] === 'a' ? 'b' : 'a') + local.slice(at + 1);
      expect([changed, signer.verify(changed)]).toEqual([changed, null]);
    }
  });

  it('refuses keys that can be guessed', () => {
    expect(() => new VerpSigner([Buffer.alloc(15)])).toThrow();
    expect(() => new VerpSigner([])).toThrow();
  });
});

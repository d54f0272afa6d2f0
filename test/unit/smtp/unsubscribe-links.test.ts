import fc from 'fast-check';
import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { type UnsubscribeLink, unpackLink } from '../../../src/domain/unsubscribe.ts';
import { UnsubscribeLinks } from '../../../src/smtp/unsubscribe-links.ts';

const BASE = 'https://u.shop.example/leave';
const KEY = Buffer.from('a key of ours for links');
const links = new UnsubscribeLinks(`${BASE}/`, [KEY]);
const LINK: UnsubscribeLink = { tenant: 'acme', type: 'marketing', recipient: 'Ada@inbox.example', jobId: 'job-1' };
const token = (link: Partial<UnsubscribeLink> = {}, by = links) => by.tokenFor({ ...LINK, ...link }) ?? '';

describe('an unsubscribe link', () => {
  it('says whom it is for to us, and nothing to anybody else', () => {
    const link = links.linkOf({ id: 'job-1', tenant: 'acme', type: 'marketing', recipient: 'Ada@inbox.example' }) ?? '';
    expect(link).toBe(`${BASE}/${token()}`);
    expect(links.read(token())).toEqual(LINK);
    expect(links.path).toBe('/leave');
    for (const form of ['latin1', 'utf8'] as const) {
      expect(Buffer.from(token(), 'base64url').toString(form)).not.toMatch(/ada|inbox|acme|job-1/i);
    }
  });

  it('is the same for the same job, so that a second copy is byte-identical, and another for any other', () => {
    const all = [
      token(),
      token(),
      token({ tenant: 'default' }),
      token({ type: 'notification' }),
      token({ recipient: 'ada@inbox.example' }),
      token({ jobId: 'job-2' }),
      token({ jobId: null }),
    ];
    expect(new Set(all).size).toBe(6);
  });

  it('survives a rotation of its key, and not its end', () => {
    const next = Buffer.from('the key that comes after it');
    const both = new UnsubscribeLinks(BASE, [next, KEY]);
    expect(both.read(token())).toEqual(LINK);
    expect(links.read(token({}, both))).toBeNull();
    expect(new UnsubscribeLinks(BASE, [next]).read(token())).toBeNull();
  });

  it('is none of ours where anything of it was changed', () => {
    const bytes = Buffer.from(token(), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(links.read(changed.toString('base64url'))).toBeNull();
    }
    for (const other of ['', 'x', token().slice(0, -1), `${token()}A`, `${token()}=`, 'A'.repeat(900), `${token()}/`]) {
      expect(links.read(other)).toBeNull();
    }
  });

  it('has one spelling: bits that nobody reads make no second one', () => {
    const own = token({ jobId: 'job-12' });
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [...alphabet].filter((last) => links.read(own.slice(0, -1) + last) !== null);
    expect(spellings).toEqual([own.at(-1)]);
  });

  it('carries any names, or as much of them as a line of a header holds', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 250 }).map((text) => text.replaceAll('\0', ''));
    fc.assert(
      fc.property(name, name, fc.option(name), fc.constantFrom(...EMAIL_TYPES), (tenant, recipient, jobId, type) => {
        fc.pre(tenant !== '' && recipient !== '' && jobId !== '');
        const made = links.tokenFor({ tenant, recipient, jobId, type });
        if (made === null) return;
        expect(`List-Unsubscribe: <${BASE}/${made}>`.length).toBeLessThan(998);
        const read = links.read(made);
        expect(read?.recipient.toWellFormed()).toBe(recipient.toWellFormed());
        expect([null, jobId]).toContain(read?.jobId);
      }),
    );
    expect(links.read(token({ jobId: 'j'.repeat(256), tenant: 't'.repeat(60) }))?.jobId).toBeNull();
    expect(links.tokenFor({ ...LINK, tenant: '名'.repeat(250) })).toBeNull();
  });
});

it('is read from bytes of no other form', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void unpackLink(bytes)));
  expect(unpackLink(Uint8Array.of(2, 0, 0, 65, 0))).toBeNull();
});

import fc from 'fast-check';
import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { unpackView, type ViewLink } from '../../../src/domain/view-link.ts';
import { UnsubscribeLinks } from '../../../src/smtp/unsubscribe-links.ts';
import { ViewLinks } from '../../../src/smtp/view-links.ts';
import { anyCharacter } from '../../support/any-text.ts';

const BASE = 'https://u.shop.example/leave';
const KEY = Buffer.from('a key of ours for links');
const links = new ViewLinks(`${BASE}/`, [KEY]);
const LINK: ViewLink = {
  id: 'job-1',
  tenant: 'acme',
  type: 'marketing',
  recipient: 'Ada@inbox.example',
  templateId: 'newsletter',
  templateVersion: 3,
  mergeData: [{ name: 'name', value: 'Ada' }],
};
const tokenOf = (link: ViewLink, by = links): string | null => by.linkOf(link)?.split('/').at(-1) ?? null;

describe('a link to a mail in the browser', () => {
  it('says what the mail was made of to us, and nothing to anybody else', () => {
    const link = links.linkOf(LINK) ?? '';
    expect(link.startsWith(`${BASE}/view/`)).toBe(true);
    expect(links.path).toBe('/leave/view');
    expect(links.read(tokenOf(LINK) ?? '')).toEqual(LINK);
    expect(Buffer.from(tokenOf(LINK) ?? '', 'base64url').toString('latin1')).not.toMatch(/ada|inbox|acme|job-1/i);
  });

  it('holds whatever a job holds that fits, and is short enough for every mail program', () => {
    const text = fc.string({ unit: anyCharacter, maxLength: 60 }).map((one) => one.toWellFormed());
    const long = fc.string({ unit: anyCharacter, maxLength: 300, size: 'max' }).map((one) => one.toWellFormed());
    const link = fc.record({
      id: text,
      tenant: text,
      type: fc.constantFrom(...EMAIL_TYPES),
      recipient: text,
      templateId: text,
      templateVersion: fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
      mergeData: fc.array(fc.record({ name: text, value: long }), { maxLength: 6 }),
    });
    let [fitting, tooLong] = [0, 0];
    fc.assert(
      fc.property(link, (one) => {
        const token = tokenOf(one);
        if (token === null) {
          tooLong++;
          return expect(Buffer.byteLength(JSON.stringify(one))).toBeGreaterThan(1_300);
        }
        fitting++;
        expect(links.read(token)).toEqual(one);
        expect(tokenOf(structuredClone(one))).toBe(token);
        expect(`${BASE}/view/${token}`.length).toBeLessThan(2_000);
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(Math.min(fitting, tooLong)).toBeGreaterThan(10);
  });

  it('is made for no job without a template', () => {
    expect(links.linkOf({ ...LINK, templateId: null })).toBeNull();
  });

  it('is none of ours where a bit was changed, or where it is a link to unsubscribe', () => {
    const bytes = Buffer.from(tokenOf(LINK) ?? '', 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(links.read(changed.toString('base64url'))).toBeNull();
    }
    const other = new UnsubscribeLinks(BASE, [KEY]);
    const leave = other.tokenFor({ tenant: 'acme', type: 'marketing', recipient: 'a@b.example', jobId: 'job-1' }) ?? '';
    expect(links.read(leave)).toBeNull();
    expect(other.read(tokenOf(LINK) ?? '')).toBeNull();
  });

  it('is read from any bytes without an exception', () => {
    const first = fc.constantFrom(0, 1, 2);
    const json = fc.json().map((text) => Buffer.from(text));
    const bytes = fc.oneof(json, fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(first, bytes, (form, rest) => {
        const link = unpackView(Buffer.concat([Buffer.from([form]), rest]));
        expect(link === null || typeof link.recipient === 'string').toBe(true);
      }),
    );
  });
});

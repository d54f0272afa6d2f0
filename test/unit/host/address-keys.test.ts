import { recipientNamesIn } from '../../../src/host/address-keys.ts';
import { MemorySecrets } from '../../../src/testing/memory-secrets.ts';

const ADA = 'ada@inbox.example';
const [OLD, NEW] = ['the key that has been there, in full', 'the key that comes now, in full too'];
const names = (hashAddresses: boolean, secret: string | null) =>
  recipientNamesIn(
    { privacy: { hashAddresses, addressKey: secret === null ? null : 'env:KEY' } },
    new MemorySecrets({ 'env:KEY': secret ?? '' }),
  );

describe('the keys of recipients', () => {
  it('hash by the first line, and know the others', async () => {
    const [before, after] = [await names(true, OLD), await names(true, `${NEW}\n${OLD}\n`)];
    expect(after.nameOf(ADA)).not.toBe(before.nameOf(ADA));
    expect(after.namesOf(ADA)).toEqual([after.nameOf(ADA), before.nameOf(ADA), ADA]);
    expect(after.keyIds).toHaveLength(2);
  });

  it('hash nothing until that is asked for', async () => {
    expect((await names(false, OLD)).nameOf(ADA)).toBe(ADA);
    expect((await names(false, null)).namesOf(ADA)).toEqual([ADA]);
  });

  it.each([
    ['', 'at least 32 characters'],
    ['k'.repeat(31), 'at least 32 characters'],
    [`${'k'.repeat(32)}\nshort`, 'at least 32 characters'],
    [Array.from({ length: 9 }, (_, n) => `${n}`.repeat(32)).join('\n'), 'more than 8 lines'],
  ])('are refused where they could be guessed: %j', async (secret, what) => {
    await expect(names(true, secret)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { what: expect.stringContaining(what) },
    });
  });

  it('are asked for where they are missing', async () => {
    await expect(
      recipientNamesIn({ privacy: { hashAddresses: true, addressKey: 'env:NONE' } }, new MemorySecrets()),
    ).rejects.toMatchObject({ code: 'SECRET_UNAVAILABLE' });
  });
});

import fc from 'fast-check';
import { fromBase32, toBase32 } from '../../../src/domain/base32.ts';
import { packJob, readReturnPathLocal, returnPathLocal, SIGNATURE_BYTES, unpackJob } from '../../../src/domain/verp.ts';
import { anyCharacter } from '../../support/any-text.ts';

const digest = (): Uint8Array => new Uint8Array(32).fill(9);
const signature = new Uint8Array(SIGNATURE_BYTES).fill(0xff);

describe('base 32', () => {
  it('agrees with RFC 4648', () => {
    const vectors = ['', 'my', 'mzxq', 'mzxw6', 'mzxw6yq', 'mzxw6ytb', 'mzxw6ytboi'];
    expect(vectors.map((_, length) => toBase32(Buffer.from('foobar'.slice(0, length))))).toEqual(vectors);
  });

  it('reads what it writes, in capitals too, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(Buffer.from(fromBase32(toBase32(bytes).toUpperCase()) ?? [1])).toEqual(Buffer.from(bytes));
      }),
    );
    for (const text of ['a', 'aaa', 'mz1q', 'ab', 'a=======']) expect([text, fromBase32(text)]).toEqual([text, null]);
  });

  it('has one text per value', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z2-7]{0,20}$/), (text) => {
        const bytes = fromBase32(text);
        if (bytes !== null) expect(toBase32(bytes)).toBe(text);
      }),
    );
  });
});

describe('return paths', () => {
  const text = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 60 }).filter((value) => value.isWellFormed());
  const tenant = fc.oneof(fc.constant('default'), text);

  it('carry the job, or its digest, in at most 64 octets', () => {
    fc.assert(
      fc.property(tenant, fc.oneof(text, fc.uuid()), (tenantName, jobId) => {
        const local = returnPathLocal(packJob(tenantName, jobId, digest), signature);
        expect(local).toMatch(/^b\+[a-z2-7]{1,62}$/);
        const read = readReturnPathLocal(local.toUpperCase());
        const job = read && unpackJob(read.identity);
        if (job?.kind === 'job') expect(job).toEqual({ kind: 'job', tenant: tenantName, jobId });
        else expect(job).toEqual({ kind: 'digest', digest: digest().subarray(0, 16) });
      }),
    );
  });

  it('name a UUID of any usual tenant', () => {
    const jobId = '0f9a2c4e-1111-4222-8333-0123456789ab';
    for (const tenantName of ['default', 'acme', 'elevenbytes']) {
      expect(unpackJob(packJob(tenantName, jobId, digest))).toEqual({ kind: 'job', tenant: tenantName, jobId });
    }
    expect(unpackJob(packJob('a-tenant-of-many-letters', jobId, digest))?.kind).toBe('digest');
  });

  it('are told from other addresses', () => {
    for (const local of [
      'b',
      'b+',
      'bounce',
      'b+aaaa',
      `b+${'a'.repeat(16)}`,
      `c+${'a'.repeat(40)}`,
      `b+${'!'.repeat(40)}`,
    ]) {
      expect([local, readReturnPathLocal(local)]).toEqual([local, null]);
    }
    expect(unpackJob(Uint8Array.of(9, 1, 2))).toBeNull();
    expect(unpackJob(Uint8Array.of(0, 1))).toBeNull();
  });
});

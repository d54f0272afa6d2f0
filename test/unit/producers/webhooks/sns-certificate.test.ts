import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anchorsOf } from '../../../../producers/webhooks/certificates.ts';
import { type Anchors, judgeCertificate, signingNames } from '../../../../producers/webhooks/sns-certificate.ts';
import { DAY_MS } from '../../../../src/domain/time.ts';
import { selfSigned, yearFrom } from '../../../../src/secrets/self-signed.ts';
import { NOW } from '../../../support/feedback.ts';
import { type IssueOptions, issue } from '../../../support/x509.ts';

const HOST = 'sns.eu-west-1.amazonaws.com';
const YEAR = yearFrom(NOW);
const root = issue({ name: 'Root', isAuthority: true, ...YEAR });
const between = issue({ name: 'Between', isAuthority: true, by: root, ...YEAR });
const stranger = issue({ name: 'Root', isAuthority: true, ...YEAR });
/** Certificates that differ in all else may have one key. */
const { key } = issue({ name: 'sns.amazonaws.com', ...YEAR });
const leaf = (over: Partial<IssueOptions> = {}) => {
  const own = over.bits === undefined ? { key } : {};
  return issue({ name: 'sns.amazonaws.com', by: between, ...YEAR, ...own, ...over }).pem;
};

const anchors = (required: boolean, ...pems: readonly string[]): Anchors => ({
  certificates: pems.map((pem) => new X509Certificate(pem)),
  required,
});
const AMAZON_ALONE = anchors(false, root.pem);
const judged = (text: string, trusted = AMAZON_ALONE, host = HOST) => {
  const found = judgeCertificate(text, `https://${host}/SimpleNotificationService-0.pem`, NOW, trusted);
  return found.ok ? 'good' : found.fault;
};

describe('a certificate of SNS', () => {
  it.each<readonly [string, Partial<IssueOptions>, string]>([
    ['in order', {}, 'good'],
    ['with its name among others', { name: 'x', dns: ['x.example', 'sns.amazonaws.com'] }, 'good'],
    ['of its region', { name: 'x', dns: ['sns-signing.eu-west-1.amazonaws.com'] }, 'good'],
    ['expired', { from: NOW - 9 * DAY_MS, until: NOW - 1_000 }, 'not-valid-now'],
    ['not valid yet', { from: NOW + 60_000, until: NOW + DAY_MS }, 'not-valid-now'],
    ['of somebody else', { name: 'sns.amazonaws.com.evil.example' }, 'other-name'],
    ['of another service', { name: 'sqs.amazonaws.com' }, 'other-name'],
    ['of another region', { name: 'sns-signing.af-south-1.amazonaws.com' }, 'other-name'],
    ['for any name', { name: '*.amazonaws.com' }, 'other-name'],
    ['whose subject is hidden by other names', { dns: ['x.example'] }, 'other-name'],
    ['with a small key', { bits: 1_024 }, 'weak-key'],
    ['that may sign others', { isAuthority: true }, 'authority'],
  ])('%s', (_, over, expected) => {
    expect(judged(leaf(over))).toBe(expected);
  });

  it('has an RSA key, is not signed by itself, and is a certificate', () => {
    expect(judged(selfSigned({ names: ['sns.amazonaws.com'], ...YEAR }).cert)).toBe('weak-key');
    expect(judged(leaf({ by: undefined }))).toBe('self-signed');
    expect(judged('x')).toBe('unreadable');
    expect(judged('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toBe('unreadable');
    expect(judged(leaf().repeat(9))).toBe('unreadable');
  });

  it('leads to an authority where the file brings its issuers, and each of them is valid', () => {
    expect(judged(leaf() + between.pem)).toBe('good');
    expect(judged(leaf() + between.pem + root.pem)).toBe('good');
    expect(judged(leaf() + root.pem)).toBe('untrusted');
    expect(judged(leaf() + between.pem, anchors(false, stranger.pem))).toBe('untrusted');
    const expired = issue({ name: 'Between', isAuthority: true, by: root, from: NOW - DAY_MS, until: NOW - 1 });
    expect(judged(leaf({ by: expired }) + expired.pem)).toBe('untrusted');
    const nobody = issue({ name: 'Between', by: root, ...YEAR });
    expect(judged(leaf({ by: nobody }) + nobody.pem)).toBe('untrusted');
    const forged = { ...issue({ name: 'Between', isAuthority: true, by: stranger, ...YEAR }), pem: between.pem };
    expect(judged(leaf({ by: forged }) + between.pem)).toBe('untrusted');
  });

  it('leads to a configured authority, although the file holds it alone', async () => {
    expect(judged(leaf(), anchors(true, root.pem))).toBe('untrusted');
    expect(judged(leaf(), anchors(true, between.pem))).toBe('good');
    expect(judged(leaf() + between.pem, anchors(true, root.pem))).toBe('good');
    expect(judged(leaf({ by: undefined }), anchors(true, between.pem))).toBe('self-signed');
    expect(judged(leaf({ by: stranger }), anchors(true, root.pem))).toBe('untrusted');
  });
});

it('is named as Amazon names them', () => {
  expect(signingNames('sns.af-south-1.amazonaws.com')).toContain('sns-signing.af-south-1.amazonaws.com');
  expect(signingNames('sns.us-gov-east-1.amazonaws.com')).toContain('sns-us-gov-west-1.amazonaws.com');
  expect(signingNames('sns.cn-north-1.amazonaws.com.cn')).toContain('sns-cn-north-1.amazonaws.com.cn');
  expect(signingNames('sns.cn-north-1.amazonaws.com.cn').every((name) => name.endsWith('.com.cn'))).toBe(true);
});

it('may come from whom Node trusts, or from those of a file, and from nobody where there is none in it', async () => {
  expect((await anchorsOf(null)).required).toBe(false);
  expect((await anchorsOf(null)).certificates.length).toBeGreaterThan(50);
  const directory = await mkdtemp(join(tmpdir(), 'postlane-anchors-'));
  try {
    const file = join(directory, 'ca.pem');
    await expect(anchorsOf(file)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await writeFile(file, 'nothing of the kind');
    await expect(anchorsOf(file)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await writeFile(file, `# ours\n${between.pem}${root.pem}`);
    expect(await anchorsOf(file)).toMatchObject({ required: true, certificates: { length: 2 } });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

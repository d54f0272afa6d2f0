import fc from 'fast-check';
import { readAddress, readTypedAddress } from '../../../src/domain/feedback/addresses.ts';
import { FEEDBACK_KINDS } from '../../../src/domain/feedback/report.ts';
import { EVERY_FORMAT, feedbackCorpus, judged, readAny } from '../../support/feedback-corpus.ts';
import { mutated } from '../../support/feedback-mutations.ts';
import { Random } from '../../support/random.ts';

/** More with FEEDBACK_FUZZ_RUNS=200000. */
const RUNS = Number(process.env.FEEDBACK_FUZZ_RUNS ?? 500);
const samples = feedbackCorpus().map(({ bytes }) => bytes);

async function check(bytes: Uint8Array, as: (typeof EVERY_FORMAT)[number]): Promise<void> {
  const report = await readAny(bytes, as);
  if (report === null) return;
  expect(FEEDBACK_KINDS).toContain(report.kind);
  for (const one of judged(report)) {
    if (one.address !== null) expect(one.address).toMatch(/^\S{1,255}@\S{1,255}$/u);
    if (one.status !== null) expect(one.status).toMatch(/^[245]\.\d{1,3}\.\d{1,3}$/);
    if (one.severity === 'hard') expect(one.kind).toBe('bounce');
    if (one.suppress) expect(['bounce', 'complaint', 'unsubscribe']).toContain(one.kind);
    if (one.suppress && one.kind === 'bounce') expect(one.severity).toBe('hard');
    expect(JSON.parse(JSON.stringify(one))).toEqual(one);
  }
}

describe('feedback that is damaged', () => {
  it(
    'is read without an exception, and as something',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer(), fc.constantFrom(...EVERY_FORMAT), (seed, as) =>
          check(mutated(samples, new Random(seed)), as),
        ),
        { numRuns: RUNS },
      );
    },
    60_000 + RUNS * 20,
  );

  it('may be any bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), fc.constantFrom(...EVERY_FORMAT), check), {
      numRuns: Math.min(RUNS, 2_000),
    });
  });

  it.each([
    'a',
    '@',
    '<',
    ' ',
    '\n',
    '-',
    '5.1.1 ',
    'a@b.example ',
    'user ',
    '--b\n',
    '<style',
    'Final-Recipient: a\n',
    '[',
    '{"a":',
  ])('comes to an end for a megabyte of %j', async (piece) => {
    const long = piece.repeat(1_000_000 / piece.length);
    const head =
      'From: MAILER-DAEMON@x.example\nSubject: Undelivered mail\nContent-Type: multipart/report; boundary=b\n\n';
    for (const text of [
      long,
      `${head}\n--b\n\n${long}`,
      `From: MAILER-DAEMON@x.example\nSubject: failure\n\n${long}`,
    ]) {
      for (const as of [null, 'ses', 'generic'] as const) await check(Buffer.from(text), as);
    }
  });

  // Found by seed 1, #48016 of `test/support/feedback-fuzz.ts`: a pattern that began anew at each of them.
  it.each(['>', '.', ';'])('comes to an end for an address with a hundred thousand %j behind it', (piece) => {
    expect(readTypedAddress(`rfc822; ada@inbox.example${piece.repeat(100_000)} x`)).toBe('ada@inbox.example');
    expect(readAddress(`ada@inbox.example${piece.repeat(100_000)}x`)).toBeNull();
  });
});

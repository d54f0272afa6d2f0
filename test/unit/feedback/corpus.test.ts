import { feedbackCorpus, judged, readAny } from '../../support/feedback-corpus.ts';

const corpus = feedbackCorpus();

describe('the corpus of feedback', () => {
  it('is large enough to mean something', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(150);
  });

  it.each(corpus.map((sample) => [sample.name, sample] as const))('%s', async (_, { bytes, expected }) => {
    const report = await readAny(bytes, expected.as ?? null);
    expect(report).not.toBeNull();
    if (report === null) return;
    const read = judged(report).map((one, index) => {
      const named = Object.keys(expected.recipients[index] ?? { address: null, class: null });
      return Object.fromEntries(named.map((name) => [name, one[name as keyof typeof one]]));
    });
    expect({ kind: report.kind, recipients: read }).toEqual({ kind: expected.kind, recipients: expected.recipients });
  });
});

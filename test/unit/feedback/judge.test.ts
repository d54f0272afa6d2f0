import { BOUNCE_RULES } from '../../../src/domain/bounce-rules.ts';
import { classify } from '../../../src/domain/classification.ts';
import { judge, judgedRefusal } from '../../../src/domain/feedback/judge.ts';
import { recipientOf } from '../../../src/domain/feedback/report.ts';
import { feedbackCorpus, readAny } from '../../support/feedback-corpus.ts';

const bounce = (text: string, ...contexts: string[]) => recipientOf('bounce', 'ada@inbox.example', { text, contexts });

describe('the verdict about a report', () => {
  it('follows from the refusal that it names, for everybody who classifies it', async () => {
    for (const { bytes, expected } of feedbackCorpus()) {
      const report = await readAny(bytes, expected.as ?? null);
      for (const reported of report?.recipients ?? []) {
        if (reported.kind !== 'bounce') continue;
        const { class: found, suppress, severity } = classify(judgedRefusal(reported).refusal);
        expect(judge(reported)).toMatchObject({ class: found, suppress, severity });
      }
    }
  });

  it('sees the words around a refusal only where its own say little', () => {
    expect(judge(bounce('Mailbox full', 'user unknown')).class).toBe('mailbox-full');
    expect(judge(bounce('Transaction failed', 'user unknown'))).toMatchObject({ severity: 'hard', suppress: true });
  });

  it('does not suppress for guesses that explain a mere refusal', () => {
    expect(judge(bounce('Message refused', 'perhaps the user is unknown')).suppress).toBe(false);
  });

  it('takes a code of policy for no proof, whatever the words', () => {
    const reported = recipientOf('bounce', 'ada@inbox.example', { enhancedCode: '5.7.1', text: 'User unknown' });
    expect(judge(reported)).toMatchObject({ class: 'invalid-recipient', severity: 'hard', suppress: false });
  });

  it('never takes a delay for proof', () => {
    const late = recipientOf('delay', 'ada@inbox.example', {
      smtpCode: 550,
      enhancedCode: '5.1.1',
      text: 'User unknown',
    });
    expect(judge(late)).toMatchObject({ severity: 'none', suppress: false });
  });

  it('follows other rules where it is asked to', () => {
    const rules = { rules: BOUNCE_RULES.filter(({ id }) => id !== 'no-such-mailbox'), version: 'what-if' };
    const reported = recipientOf('bounce', 'ada@inbox.example', { smtpCode: 550, enhancedCode: '5.1.1', text: 'gone' });
    expect(judge(reported, rules)).toMatchObject({ suppress: false, ruleVersion: 'what-if' });
  });
});

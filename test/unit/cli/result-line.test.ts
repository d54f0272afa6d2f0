import { resultJson, resultLine } from '../../../src/cli/result-line.ts';
import { suppressionText } from '../../../src/cli/suppression-text.ts';
import { attempted, ending } from '../../../src/domain/results.ts';
import { addEvidence, emptySuppression } from '../../../src/domain/suppression.ts';
import { aJob, anEvidence } from '../../../src/testing/builders.ts';

const AT = Date.parse('2026-01-02T03:04:05.678Z');

describe('showing a result', () => {
  it('says in one line what happened, to whom, and why', () => {
    const refusal = {
      source: 'relay-1',
      site: 'inbox.example',
      smtpCode: 550,
      enhancedCode: '5.1.1',
      reply: 'no such user',
      class: 'invalid-recipient',
    };
    const line = resultLine(ending(aJob({ id: 'order-7' }), 'bounced', 1, AT, refusal));
    expect(line.split(/ {2,}/)).toEqual([
      '2026-01-02T03:04:05.678Z',
      'bounced',
      'transactional',
      'order-7',
      'ada@inbox.example',
      'inbox.example via relay-1; 550 5.1.1 no such user; [invalid-recipient]',
    ]);
  });

  it('numbers attempts, and says that a copy may have gone out', () => {
    expect(resultLine(attempted(aJob(), 2, AT, { uncertain: true, reason: 'connection lost' }))).toMatch(
      /attempt 2 .* connection lost; a copy may have gone out before$/,
    );
  });

  it('shows nothing that a terminal would obey', () => {
    const hostile = attempted(aJob(), 1, AT, { smtpCode: 450, reply: 'x\u001b[2Jy\u009b31mz\r\n\u2028' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
    const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
    expect(resultLine(hostile)).not.toMatch(control);
    expect(resultJson(hostile)).not.toMatch(control);
    expect(JSON.parse(resultJson(hostile))).toEqual(hostile);
  });
});

describe('showing a suppression', () => {
  it('says that nothing is known', () => {
    expect(suppressionText('a@b.example', null, AT)).toBe('a@b.example: not suppressed; nothing is known about it\n');
  });

  it('lists the evidence, and knows when it is over', () => {
    const evidence = anEvidence({ at: AT, who: 'ada', why: 'asked\u001b[0m' });
    const row = addEvidence(emptySuppression('recipient:a@b.example'), evidence);
    expect(suppressionText('a@b.example', row, AT)).toBe(
      [
        'a@b.example: suppressed (manual)',
        '  since     2026-01-02T03:04:05.678Z',
        '  evidence  2026-01-02T03:04:05.678Z suppression_added: by ada, because asked [0m, event e1',
        '',
      ].join('\n'),
    );
    expect(suppressionText('a@b.example', { ...row, until: AT + 1 }, AT + 1)).toMatch(
      /^a@b\.example: not suppressed\n/,
    );
  });
});

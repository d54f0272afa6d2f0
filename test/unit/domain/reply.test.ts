import fc from 'fast-check';
import {
  boundText,
  type DeliveryOutcome,
  type FailureReason,
  isImpossible,
  isLogInLost,
  isServerFailure,
  isSiteFailure,
  REPLY_TEXT_BYTES_MAX,
  readReply,
  type SmtpStage,
  wasNotTried,
} from '../../../src/domain/reply.ts';
import { anyCharacter } from '../../support/any-text.ts';

const refused = (code: number, stage: SmtpStage): DeliveryOutcome => ({
  kind: 'refused',
  stage,
  reply: readReply(code, ['no']),
});
const failure = (reason: FailureReason, stage: SmtpStage = 'mail'): DeliveryOutcome => ({
  kind: 'failed',
  stage,
  reason,
  afterDot: stage === 'dot',
  detail: null,
});

describe('readReply', () => {
  it('takes the enhanced code out of every line', () => {
    expect(readReply(550, ['5.1.1 The account', '5.1.1 does not exist'])).toEqual({
      code: 550,
      enhancedCode: '5.1.1',
      text: 'The account does not exist',
    });
  });

  it('leaves a number alone that is of another class than the code', () => {
    expect(readReply(450, ['5.1.1 odd']).enhancedCode).toBeNull();
    expect(readReply(550, ['5.1.1.1 odd']).enhancedCode).toBeNull();
    expect(readReply(250, ['2.0.0']).enhancedCode).toBe('2.0.0');
    expect(readReply(550, ['5.07.001 odd']).enhancedCode).toBe('5.7.1');
  });

  it('keeps at most 512 octets, and nothing that breaks a line', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: anyCharacter, maxLength: 400 }), { maxLength: 10 }), (lines) => {
        const { text } = readReply(550, lines);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(REPLY_TEXT_BYTES_MAX);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
        expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
  });
});

describe('a log-in that is lost', () => {
  it.each<[number, SmtpStage, boolean]>([
    [535, 'auth', true],
    [534, 'auth', true],
    [454, 'auth', false],
    [530, 'mail', true],
    [535, 'rcpt', true],
    [550, 'mail', false],
    [535, 'greeting', true],
  ])('%i at %s: %s, and then speaks against the server', (code, stage, lost) => {
    expect(isLogInLost(refused(code, stage))).toBe(lost);
    if (lost)
      expect([isSiteFailure(refused(code, stage)), isServerFailure(refused(code, stage))]).toEqual([true, true]);
  });
});

describe('boundText', () => {
  it('cuts between characters', () => {
    expect(boundText('aä€😀', 10)).toBe('aä€😀');
    expect(boundText('aä€😀', 9)).toBe('aä€');
    expect(boundText('aä€😀', 5)).toBe('aä');
    expect(boundText('aä€😀', 2)).toBe('a');
  });
});

describe('isSiteFailure', () => {
  it('is never about a mail or a recipient', () => {
    for (const stage of ['mail', 'rcpt', 'data', 'dot'] as const) {
      expect(isSiteFailure(refused(550, stage))).toBe(false);
      expect(isSiteFailure(refused(450, stage))).toBe(false);
      expect(isSiteFailure(refused(421, stage))).toBe(true);
    }
    for (const stage of ['greeting', 'ehlo', 'tls', 'auth'] as const)
      expect(isSiteFailure(refused(554, stage))).toBe(true);
  });

  it('counts what breaks a connection, and not what we decided', () => {
    for (const reason of ['refused-connection', 'unreachable', 'timeout', 'reset', 'tls', 'auth', 'garbage'] as const) {
      expect([reason, isSiteFailure(failure(reason))]).toEqual([reason, true]);
    }
    const ours = [
      'no-smtputf8',
      'no-8bitmime',
      'too-big',
      'aborted',
      'circuit-open',
      'no-capacity',
      'stopped',
    ] as const;
    for (const reason of ours) expect([reason, isSiteFailure(failure(reason))]).toEqual([reason, false]);
  });

  it('tells what was never tried from what cannot pass', () => {
    expect(wasNotTried(failure('circuit-open'))).toBe(true);
    expect(wasNotTried(failure('timeout'))).toBe(false);
    expect(isImpossible(failure('no-smtputf8'))).toBe(true);
    expect(isImpossible(failure('reset'))).toBe(false);
  });
});

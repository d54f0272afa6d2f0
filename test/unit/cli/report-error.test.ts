import { describeError } from '../../../src/cli/report-error.ts';
import { PostlaneError } from '../../../src/domain/error.ts';

describe('describeError', () => {
  it('shows code and facts, one per line, and no stack', () => {
    const facts = { what: 'broker-1 to answer', waitedMs: 5, hint: undefined, log: ['first line', 'last line'] };
    expect(describeError(new PostlaneError('INFRA_UNAVAILABLE', facts), false).split('\n')).toEqual([
      'postlane: INFRA_UNAVAILABLE: broker-1 to answer',
      '  waitedMs: 5',
      '  log:',
      '    first line',
      '    last line',
    ]);
  });

  it('shows every problem of a configuration with its place', () => {
    const problems = [
      { path: 'kafka.brokers', line: 3, message: 'is no list' },
      { path: 'redis.url', line: null, message: 'is missing' },
    ];
    const text = describeError(new PostlaneError('CONFIG_INVALID', { file: 'postlane.yaml', problems }), false);
    expect(text).toContain('    kafka.brokers (line 3): is no list\n    redis.url: is missing');
  });

  it('shows the cause, and with verbose where both come from', () => {
    const error = new PostlaneError('KAFKA_UNAVAILABLE', {}, { cause: new Error('connection refused') });
    expect(describeError(error, false)).toBe('postlane: KAFKA_UNAVAILABLE\n  cause: connection refused');
    expect(describeError(error, true).match(/report-error\.test\.ts/g)?.length).toBeGreaterThanOrEqual(2);
  });

  it('says of a stranger how to learn more', () => {
    expect(describeError(new TypeError('x is undefined'), false)).toBe(
      'postlane: x is undefined\n  (--verbose shows where)',
    );
  });
});

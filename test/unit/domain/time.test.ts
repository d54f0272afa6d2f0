import { TIME_MS_MAX, writtenTime } from '../../../src/domain/time.ts';

describe('a time as it is written', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [TIME_MS_MAX, '9999-12-31T23:59:59.999Z'],
    [TIME_MS_MAX + 1, '9999-12-31T23:59:59.999Z'],
    [8_640_000_000_000_000, '9999-12-31T23:59:59.999Z'],
    [Number.MAX_SAFE_INTEGER, '9999-12-31T23:59:59.999Z'],
  ])('of %d is one that RFC 3339 knows', (at, written) => {
    expect(writtenTime(at)).toBe(written);
  });
});

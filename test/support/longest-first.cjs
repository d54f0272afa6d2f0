// The suites that take longest, by what was seen: begun last, one of them would be waited for with a processor idle.
const LONGEST = [
  'chaos/faults.test.ts',
  'integration/up.test.ts',
  'integration/examples.test.ts',
  'integration/replay.test.ts',
  'integration/webhooks.test.ts',
];

const { default: Sequencer } = require('@jest/test-sequencer');

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((name) => path.endsWith(name));
      return at < 0 ? LONGEST.length : at;
    };
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
  }
};

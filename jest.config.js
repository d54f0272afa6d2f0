import { fileURLToPath } from 'node:url';

// What suites start of ours is compiled once, not anew in each process.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('.postlane/compiled', import.meta.url));

// One configuration for every suite; `test/support/run-suites.ts` picks the folders.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  setupFiles: ['<rootDir>/test/support/kafkajs-guard.setup.cjs', '<rootDir>/test/support/lanes.setup.ts'],
  testSequencer: '<rootDir>/test/support/longest-first.cjs',
  // Ends a test that hangs. It judges no speed: machines here may be busy with other things.
  testTimeout: 60_000,
  maxWorkers: 2,
};

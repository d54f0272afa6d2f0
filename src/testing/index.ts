/** What users test with too: `postlane/testing`. */
export * from './simulator/index.ts';

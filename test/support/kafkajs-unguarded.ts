import { createRequire } from 'node:module';
import { jest } from '@jest/globals';
import type * as Kafkajs from 'kafkajs';
import { GUARDS } from '../../src/kafka/guards/list.ts';

const require = createRequire(import.meta.url);
// Under its own name the calls would be moved to the top of the file.
const registry = jest;

/** Modules that use the guarded ones, for tests that look at one decoded byte or one batch. */
const USERS = ['cluster', 'consumer/batch', 'protocol/decoder', 'protocol/requests/fetch/v4/decodeMessages'];

/**
 * kafkajs as it is published, beside the guarded one: the control of every guard's test. What a guard repairs must be
 * seen to be broken without it, or the test shows nothing.
 */
function loadUnguarded() {
  const paths = GUARDS.map(({ path }) => `kafkajs/src/${path}`);
  const users = USERS.map((path) => `kafkajs/src/${path}`);
  const modules = new Map<string, unknown>();
  for (const path of paths) registry.unmock(path);
  registry.isolateModules(() => {
    for (const path of ['kafkajs', ...paths, ...users]) {
      modules.set(path, require(path));
    }
  });
  // Puts the guards back, for whatever is loaded later.
  const load = (path: string): unknown => registry.requireActual(`kafkajs/src/${path}`);
  for (const guard of GUARDS) {
    registry.mock(`kafkajs/src/${guard.path}`, () => guard.wrap(load(guard.path) as never, load));
  }
  return modules;
}

const modules = loadUnguarded();

export const unguardedKafkajs = modules.get('kafkajs') as typeof Kafkajs;
export const unguardedModule = (path: string): unknown => modules.get(`kafkajs/src/${path}`);

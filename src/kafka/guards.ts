import { createRequire } from 'node:module';
import type * as Kafkajs from 'kafkajs';
import { assert } from '../domain/error.ts';
import { markOf } from './guards/guard.ts';
import { GUARDS } from './guards/list.ts';
import { selfTest } from './guards/self-test.ts';

const require = createRequire(import.meta.url);

/** The version whose inner modules the guards replace; another one needs another look at each of them. */
const GUARDED_VERSION = '2.2.4';

const pathOf = (path: string): string => `kafkajs/src/${path}`;
const loadModule = (path: string): unknown => require(pathOf(path));

/** Puts the guards in place, each before the modules that need it are loaded. Under Jest they are in place already. */
function applyGuards(): void {
  for (const guard of GUARDS) {
    const path = pathOf(guard.path);
    const original: unknown = require(path);
    if (markOf(original)?.name === guard.name) continue;
    const cached = require.cache[require.resolve(path)];
    assert(cached !== undefined, 'a module that was just loaded is cached', { path });
    cached.exports = guard.wrap(original as never, loadModule);
  }
}

let loaded: Promise<typeof Kafkajs> | null = null;

async function load(): Promise<typeof Kafkajs> {
  const { version } = require('kafkajs/package.json') as { version: string };
  assert(version === GUARDED_VERSION, 'kafkajs is not the version that the guards were written for', { version });
  applyGuards();
  const kafkajs = require('kafkajs') as typeof Kafkajs;
  await selfTest(loadModule, kafkajs);
  return kafkajs;
}

/** kafkajs with every guard in place and seen at work. Throws BUG where one is not: without them data is lost. */
export function loadKafkajs(): Promise<typeof Kafkajs> {
  loaded ??= load();
  return loaded;
}

/** A class of kafkajs that its public interface lacks, guarded like the rest. Only after `loadKafkajs`. */
export const kafkajsModule = loadModule;

import { createRequire } from 'node:module';
import type * as Kafkajs from 'kafkajs';
import { PlainReader } from './plain-reader.ts';

// Run as a process of its own: kafkajs as it is published, which loads parts of itself as late as at the first request.
const [brokers = '', topic = '', ...offsets] = process.argv.slice(2);
const kafkajs = createRequire(import.meta.url)('kafkajs') as typeof Kafkajs;
const shown = await new PlainReader(kafkajs, brokers.split(','), topic).readFrom(offsets.map(Number));
process.stdout.write(JSON.stringify(shown));

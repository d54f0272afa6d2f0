import fc from 'fast-check';
import { environment } from '../../../src/config/environment.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../../src/registry/limits.ts';
import type { Landed, LogRecord, StoredRecord } from '../../../src/runtime/ports.ts';
import { aJob } from '../../../src/testing/builders.ts';
import { writeWithJava } from '../../support/java-clients.ts';
import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';
import type { RoleProcess } from '../../support/role-process.ts';

const SEED = 12;
const INGEST = topics.ingest('transactional');
/** `POSTLANE_POISON=100000` for as many as the project promises to withstand, and a look at the event loop. */
const ASKED = Number(environment().POSTLANE_POISON ?? 0);
const STRINGS = ASKED > 0 ? ASKED : 2_000;
const EVENT_LOOP_MS_MAX = 200;
const APPENDED_AT_ONCE = 1_000;
const GOOD_PER_WAVE = 10;
const MEGABYTE = 1_048_576;

/** FAULTS.md 12: whatever lies on the ingest topics that is no job. */
export function poison(pipeline: () => Pipeline): void {
  describe('poison on the ingest topics', () => {
    const template = () => pipeline().codec.encode(INGEST, aJob({ id: 'poison-template' }));
    const letterAt = (topic: string, { partition, offset }: Landed) =>
      pipeline().deadLetters.find(
        (letter) => letter.topic === topic && letter.partition === partition && letter.offset === offset,
      );

    it('of every known kind ends in dead letters with its reason', async () => {
      await using worker = await pipeline().start('worker');
      const kinds = poisonOf(template(), await foreignId(pipeline()));
      const landed = await pipeline().append(kinds.map(({ record }) => record));
      const lines = ['no job', '\u0000 no job either', 'x'.repeat(10_000)];
      const [broker = ''] = pipeline().infra.brokers;
      await Promise.all(
        (['lz4', 'zstd', 'snappy'] as const).map((codec) =>
          writeWithJava(
            broker,
            topics.ingest('marketing').name,
            codec,
            lines.map((line) => `${codec} ${line}`),
          ),
        ),
      );
      const keyless = {
        topic: INGEST.name,
        key: null,
        value: pipeline().codec.encode(INGEST, aJob({ id: 'poison-keyless' })),
      };
      pipeline().doubt(['poison-keyless']);
      await pipeline().append([keyless]);
      const random = new Random(SEED);
      await pipeline().publish(load({ prefix: 'poison-kinds-', count: 30, types: EMAIL_TYPES, random }));
      await pipeline().comesToRest();

      const found = kinds.map(({ kind }, n) => [kind, letterAt(INGEST.name, landed[n] as Landed)?.reason]);
      expect(found).toEqual(kinds.map(({ kind, reason }) => [kind, reason]));
      for (const [n, { record }] of kinds.entries()) {
        const value = letterAt(INGEST.name, landed[n] as Landed)?.value ?? null;
        expect(value === null ? null : Buffer.compare(value, record.value as Buffer)).toBe(
          record.value === null ? null : 0,
        );
      }
      const compressed = pipeline().deadLetters.filter(({ topic }) => topic === topics.ingest('marketing').name);
      const texts = compressed.map(({ value }) => value?.toString('utf8'));
      for (const codec of ['lz4', 'zstd', 'snappy']) {
        expect(lines.map((line) => texts.includes(`${codec} ${line}`))).toEqual(lines.map(() => true));
      }
      const verdict = await pipeline().judged('poison-kinds-', { duplicatesMax: 0 });
      expect(verdict.endings).toEqual({ sent: 30 });
      expect(pipeline().endedOf('poison-keyless')).toBe(1);
      expect(worker.exit).toBeNull();
    }, 240_000);

    it(
      `of ${STRINGS} random and mutated strings ends in dead letters, and the good jobs between arrive`,
      async () => {
        const prefix = 'poison-between-';
        // A router of its own, so that its event loop is the router's alone.
        await using worker = await pipeline().start('worker');
        await using router = await pipeline().start('router');
        await pipeline().append([{ topic: INGEST.name, key: 'poison-template', value: template() }]);
        pipeline().doubt(['poison-template']);
        const strings = fc.sample(strangeBytes(template()), { numRuns: STRINGS, seed: SEED });
        const random = new Random(SEED);
        const landed: Landed[] = [];
        await using loop = watchLoop(router);
        for (let at = 0; at < strings.length; at += APPENDED_AT_ONCE) {
          const wave = strings.slice(at, at + APPENDED_AT_ONCE).map((value, n): LogRecord => {
            return { topic: INGEST.name, key: `strange-${at + n}`, value };
          });
          const good = load({ prefix: `${prefix}${at}-`, count: GOOD_PER_WAVE, types: ['transactional'], random });
          const [places] = await Promise.all([pipeline().append(wave), pipeline().publish(good)]);
          landed.push(...places);
        }
        await pipeline().codec.prepare(INGEST, strings.map(stored));
        const jobs = strings.map((value) => pipeline().codec.decode(INGEST, value));
        pipeline().doubt(jobs.flatMap((job) => (job.ok ? [job.value.id] : [])));
        await pipeline().comesToRest(STRINGS * 10 + 120_000);

        const letters = new Map(
          pipeline().deadLetters.map((letter) => [`${letter.topic}/${letter.partition}@${letter.offset}`, letter]),
        );
        const ended = new Set(pipeline().results.map(({ jobId }) => jobId));
        const wrong = jobs.flatMap((job, n) => {
          const { partition, offset } = landed[n] as Landed;
          const letter = letters.get(`${INGEST.name}/${partition}@${offset}`);
          // What a changed byte left a job may have gone its way, under its own id.
          const isRight = job.ok ? letter !== undefined || ended.has(job.value.id) : letter?.reason === job.reason;
          return isRight ? [] : [{ n, wanted: job.ok ? job.value.id : job.reason, found: letter?.reason }];
        });
        expect(wrong).toEqual([]);
        const verdict = await pipeline().judged(prefix, { duplicatesMax: 0 });
        const good = Math.ceil(STRINGS / APPENDED_AT_ONCE) * GOOD_PER_WAVE;
        expect(verdict).toMatchObject({ accepted: good, endings: { sent: good }, duplicates: 0 });
        if (ASKED > 0) {
          console.log(`event loop of the router, over ${STRINGS} strings: ${JSON.stringify(loop.worst)}`);
          expect(loop.worst.p99Ms).toBeLessThan(EVENT_LOOP_MS_MAX);
        }
        expect(worker.exit).toBeNull();
      },
      STRINGS * 20 + 300_000,
    );
  });
}

interface Kind {
  readonly kind: string;
  readonly reason: string;
  readonly record: LogRecord;
}

/** One of each kind; `foreign` is the id of another topic's schema. */
function poisonOf(template: Buffer, foreign: number): readonly Kind[] {
  const header = template.subarray(0, 5);
  const under = (id: number) => {
    const bytes = Buffer.from(template);
    bytes.writeUInt32BE(id, 1);
    return bytes;
  };
  const kind = (name: string, reason: string, value: Buffer | null, key: Buffer | string | null = name): Kind => ({
    kind: name,
    reason,
    record: { topic: INGEST.name, key, value },
  });
  /** A length of Avro: zigzag, 2^31 - 1 octets to come. */
  const twoGigabytes = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]);
  return [
    kind('null value', 'null-value', null),
    kind('null value and key', 'null-value', null, null),
    kind('empty value', 'bad-magic', Buffer.alloc(0)),
    kind('plain text', 'bad-magic', Buffer.from('{"id": "1"}')),
    kind('one megabyte and one octet', 'bad-magic', Buffer.alloc(MEGABYTE + 1, 7)),
    kind('key of four zero octets', 'bad-magic', Buffer.from('x'), Buffer.alloc(4)),
    kind('schema that nobody registered', 'unknown-schema', under(2 ** 31 - 1)),
    kind('schema of another topic', 'wrong-subject', under(foreign)),
    kind('nothing behind the schema', 'malformed', Buffer.from(header)),
    kind('cut in the middle', 'malformed', template.subarray(0, template.length >> 1)),
    kind('without its last octet', 'malformed', template.subarray(0, -1)),
    kind('an octet too many', 'malformed', Buffer.concat([template, Buffer.from([0])])),
    kind('a length of two gigabytes', 'malformed', Buffer.concat([header, twoGigabytes])),
    kind('a negative length', 'malformed', Buffer.concat([header, Buffer.from([0x01])])),
    kind('larger than a job may be', 'too-large', Buffer.concat([header, Buffer.alloc(JOB_BYTES_MAX_DEFAULT)])),
  ];
}

/** The id under which the results' schema is registered. */
async function foreignId({ infra }: Pipeline): Promise<number> {
  const subject = `${topics.results('transactional').name}-value`;
  const answer = await fetch(`${infra.schemaRegistryUrl}/subjects/${subject}/versions/latest`);
  return ((await answer.json()) as { id: number }).id;
}

/** Random octets, a job with some octet changed or its end cut off, and random octets behind a true header. */
function strangeBytes(template: Buffer): fc.Arbitrary<Buffer> {
  const mutated = fc
    .tuple(fc.nat(template.length - 1), fc.nat(255), fc.integer({ min: 1, max: template.length }))
    .map(([at, byte, length]) => {
      const bytes = Buffer.from(template.subarray(0, length));
      bytes[Math.min(at, length - 1)] = byte;
      return bytes;
    });
  const random = fc.uint8Array({ maxLength: 80 });
  return fc.oneof(
    random.map((bytes) => Buffer.from(bytes)),
    mutated,
    random.map((bytes) => Buffer.concat([template.subarray(0, 5), bytes])),
  );
}

const stored = (value: Buffer): StoredRecord => ({ offset: 0, key: null, value, headers: {}, at: 0 });

const LOOK_MS = 500;

/** Looks at a role's event loop again and again; keeps the worst of what was seen. */
function watchLoop(role: RoleProcess) {
  const worst = { p99Ms: 0 };
  const delay = (quantile: string) => role.metric('postlane_event_loop_delay_ms', { quantile });
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(async () => {
      const p99Ms = await delay('0.99').catch(() => 0);
      worst.p99Ms = Math.max(worst.p99Ms, p99Ms);
    });
  }, LOOK_MS);
  return {
    worst,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await looking;
    },
  };
}

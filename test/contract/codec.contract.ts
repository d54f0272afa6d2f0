import fc from 'fast-check';
import type { DeliveryResult, EmailJob, ReputationSignal } from '../../src/contracts/generated.ts';
import { schemas } from '../../src/contracts/generated.ts';
import type { Topic } from '../../src/contracts/topic.ts';
import { isPostlaneError } from '../../src/domain/error.ts';
import type { Codec, Decoded } from '../../src/runtime/codec.ts';
import type { StoredRecord } from '../../src/runtime/ports.ts';
import { aJob, anAttachment, aPayload } from '../../src/testing/builders.ts';

/** A codec and what a foreign producer can do to the registry behind it. */
export interface CodecUnderTest {
  readonly codec: Codec;
  /** Topics of ours, under names that nothing else uses; the codec may write to all of them. */
  readonly topics: CodecTopics;
  /** Registers a schema for a topic, unchecked, as a registry without compatibility rules would; answers its id. */
  register(topic: Topic<unknown>, schema: string): Promise<number>;
}

export interface CodecTopics {
  readonly ingest: Topic<EmailJob>;
  readonly results: Topic<DeliveryResult>;
  readonly reputation: Topic<ReputationSignal>;
}

/** A job at most, in the codecs under test. */
export const JOB_BYTES_MAX = 200_000;

const aResult: DeliveryResult = {
  jobId: 'job-1',
  tenant: 'default',
  type: 'transactional',
  recipient: 'ada@inbox.example',
  kind: 'ending',
  ending: 'sent',
  annotation: null,
  attempt: 1,
  at: 1_700_000_000_000,
  source: 'relay-1',
  site: 'inbox.example',
  smtpCode: 250,
  enhancedCode: '2.0.0',
  reply: 'OK',
  class: null,
  reason: null,
  messageId: '<1@shop.example>',
  uncertain: false,
  until: null,
  campaign: null,
  tags: ['a', 'b'],
  metadata: [{ name: '__proto__', value: 'polluted' }],
};

const record = (value: Buffer | null): StoredRecord => ({ offset: 0, key: null, value, headers: {}, at: 0 });

/** A zigzag number, as Avro writes it. */
export function long(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const text = (value: string): Buffer => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)]);

const framed = (id: number, ...parts: Buffer[]): Buffer => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, ...parts]);
};

interface Field {
  name: string;
  type: unknown;
  default?: unknown;
}

/** The schema of our own record, changed as another producer's version of it might be. */
function changed(name: keyof typeof schemas, change: (fields: Field[]) => Field[]): string {
  const schema = JSON.parse(schemas[name]) as { fields: Field[] };
  return JSON.stringify({ ...schema, fields: change(schema.fields) });
}

const only = (names: string[]) => (fields: Field[]) => fields.filter((field) => names.includes(field.name));

/** Three fields that a job needs, under a schema that has only these, and then `extra`. */
const smallJob = (id: number, ...extra: Buffer[]): Buffer =>
  framed(id, text('job-1'), long(1), text('ada@inbox.example'), ...extra);
const smallSchema = (...extra: Field[]): string =>
  changed('EmailJob', (fields) => [...only(['id', 'type', 'recipient'])(fields), ...extra]);

/** The promises of the `Codec` port; every implementation keeps all of them. */
export function codecContract(open: () => Promise<CodecUnderTest>): void {
  let codec: Codec;
  let register: CodecUnderTest['register'];
  let ingest: Topic<EmailJob>;
  let results: Topic<DeliveryResult>;
  let reputation: Topic<ReputationSignal>;
  beforeAll(async () => {
    const opened = await open();
    ({ codec, register } = opened);
    ({ ingest, results, reputation } = opened.topics);
  }, 60_000);

  /** Prepares and decodes one value, as a processor does. */
  async function read<V>(topic: Topic<V>, value: Buffer | null): Promise<Decoded<V>> {
    await codec.prepare(topic, [record(value)]);
    return codec.decode(topic, value);
  }
  const reasonOf = async (topic: Topic<unknown>, value: Buffer | null): Promise<string> => {
    const decoded = await read(topic, value);
    return decoded.ok ? `decoded ${JSON.stringify(decoded.value)}` : decoded.reason;
  };

  describe('what we write', () => {
    it('reads back as it was', async () => {
      const job = aJob({
        payload: aPayload({ html: 'ü€😀', mime: Buffer.from([0, 255]), attachments: [anAttachment()] }),
        sendAt: 1_700_000_000_000,
        mergeData: [{ name: '__proto__', value: 'x' }],
      });
      expect(await read(ingest, codec.encode(ingest, job))).toEqual({ ok: true, value: job });
      expect(await read(results, codec.encode(results, aResult))).toEqual({ ok: true, value: aResult });
    });

    it('is in the Confluent wire format', async () => {
      const schema = smallSchema();
      const id = await register(ingest, schema);
      const decoded = await read(ingest, smallJob(id));
      expect(decoded).toEqual({ ok: true, value: aJob({ payload: null }) });
      expect(codec.encode(ingest, aJob()).subarray(0, 1)).toEqual(Buffer.from([0]));
    });

    it('reads back whatever it is', async () => {
      const string = fc.string({ unit: 'grapheme' });
      const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
      const jobs = fc.record<EmailJob>({
        id: string,
        tenant: string,
        type: fc.constantFrom('transactional', 'notification', 'marketing', 'unknown'),
        priority: fc.constantFrom('low', 'normal', 'high'),
        recipient: string,
        payload: fc.constantFrom(null, aPayload()),
        templateId: nullable(string),
        templateVersion: nullable(fc.integer()),
        mergeData: fc.array(fc.record({ name: string, value: string })),
        metadata: fc.array(fc.record({ name: string, value: string })),
        tags: fc.array(string),
        campaign: nullable(string),
        sendAt: nullable(fc.integer({ min: 0, max: 2 ** 45 })),
        expiresAt: nullable(fc.integer({ min: -(2 ** 45), max: 0 })),
        region: nullable(string),
        traceparent: nullable(string),
      });
      await fc.assert(
        fc.asyncProperty(jobs, async (job) => {
          expect(await read(ingest, codec.encode(ingest, job))).toEqual({ ok: true, value: job });
        }),
      );
    });

    it('is never larger than may be read', () => {
      const huge = aJob({ payload: aPayload({ html: 'x'.repeat(JOB_BYTES_MAX) }) });
      expect(() => codec.encode(ingest, huge)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
      const fits = aJob({ payload: aPayload({ html: 'x'.repeat(JOB_BYTES_MAX - 1_000) }) });
      expect(codec.encode(ingest, fits).length).toBeLessThanOrEqual(JOB_BYTES_MAX);
    });

    it('fits its schema, or is refused with the place and without the value', () => {
      const wrong = { ...aJob(), recipient: 12345, tags: ['a', 6789] } as unknown as EmailJob;
      try {
        codec.encode(ingest, wrong);
        throw new Error('was encoded');
      } catch (error) {
        if (!isPostlaneError(error, 'BUG')) throw error;
        expect(error.facts.paths).toEqual(['recipient', 'tags.1']);
        expect(`${error.stack} ${String(error.cause)}`).not.toMatch(/12345|6789/);
      }
    });

    it('does not change when more is written', () => {
      const first = codec.encode(ingest, aJob({ id: 'first' }));
      const copy = Buffer.from(first);
      for (let n = 0; n < 100; n++) codec.encode(ingest, aJob({ id: `later-${n}` }));
      expect(first).toEqual(copy);
    });
  });

  describe('what others write', () => {
    it('may lack fields that have a default', async () => {
      const id = await register(ingest, smallSchema());
      expect(await read(ingest, smallJob(id))).toEqual({ ok: true, value: aJob({ payload: null }) });
    });

    it('is told from what lies exactly as we write it', async () => {
      const own = codec.encode(results, aResult);
      const renumbered = schemas.DeliveryResult.replace(
        '"transactional","notification"',
        '"notification","transactional"',
      );
      expect(renumbered).not.toBe(schemas.DeliveryResult);
      const foreign = [changed('DeliveryResult', (fields) => fields.filter(({ name }) => name !== 'tags')), renumbered];
      const ids = await Promise.all(foreign.map((schema) => register(results, schema)));
      await codec.prepare(results, [own, ...ids.map((id) => framed(id))].map(record));
      const told = [own.readUInt32BE(1), ...ids].map((id) => codec.laidOutAsOurs?.(results, id));
      expect(told).toEqual([true, false, false]);
      expect(codec.laidOutAsOurs?.(ingest, own.readUInt32BE(1))).toBe(false);
    });

    it('may have fields that we do not know', async () => {
      const extra = { name: 'later', type: { type: 'array', items: 'string' }, default: [] };
      const id = await register(ingest, smallSchema(extra));
      const value = smallJob(id, long(2), text('a'), text('b'), long(0));
      expect(await read(ingest, value)).toEqual({ ok: true, value: aJob({ payload: null }) });
    });

    it('may have enum symbols that we do not know', async () => {
      const schema = changed('EmailJob', only(['id', 'type', 'recipient'])).replace(
        '"marketing"]',
        '"marketing","fax"]',
      );
      const id = await register(ingest, schema);
      const value = framed(id, text('job-1'), long(4), text('ada@inbox.example'));
      expect(await read(ingest, value)).toEqual({ ok: true, value: aJob({ type: 'unknown', payload: null }) });
    });

    it('may hold maps that we do not read, whatever their keys', async () => {
      const id = await register(ingest, smallSchema({ name: 'extra', type: { type: 'map', values: 'string' } }));
      const decoded = await read(ingest, smallJob(id, long(1), text('__proto__'), text('polluted'), long(0)));
      expect(decoded).toEqual({ ok: true, value: aJob({ payload: null }) });
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });

    it('may be written in blocks that tell their size', async () => {
      const id = await register(ingest, smallSchema({ name: 'tags', type: { type: 'array', items: 'string' } }));
      const value = smallJob(id, long(-2), long(4), text('a'), text('b'), long(1), text('c'), long(0));
      expect(await read(ingest, value)).toEqual({ ok: true, value: aJob({ payload: null, tags: ['a', 'b', 'c'] }) });
    });
  });

  describe('what cannot be read', () => {
    it('is a tombstone where none is allowed', async () => {
      expect(await reasonOf(ingest, null)).toBe('null-value');
    });

    it.each([
      ['nothing', Buffer.alloc(0)],
      ['four bytes', Buffer.alloc(4)],
      ['JSON', Buffer.from('{"id":"job-1"}')],
    ])('is not in the wire format: %s', async (_, value) => {
      expect(await reasonOf(ingest, value)).toBe('bad-magic');
    });

    it('is too large, and is not looked at', async () => {
      expect(await reasonOf(ingest, framed(1, Buffer.alloc(JOB_BYTES_MAX)))).toBe('too-large');
    });

    it('has a schema that nobody knows', async () => {
      expect(await reasonOf(ingest, framed(0xffff_fff0, text('x')))).toBe('unknown-schema');
    });

    it("has another topic's schema", async () => {
      expect(await reasonOf(ingest, codec.encode(results, aResult))).toBe('wrong-subject');
      const signal = { ...aSignal, at: 1 };
      expect(await reasonOf(results, codec.encode(reputation, signal))).toBe('wrong-subject');
    });

    it.each([
      ['is incompatible', smallSchema({ name: 'payload', type: 'int' })],
      ['lacks what we need', changed('EmailJob', only(['id', 'type']))],
      ['is another record', JSON.stringify({ ...JSON.parse(smallSchema()), name: 'Other' })],
      ['is recursive', smallSchema({ name: 'next', type: ['null', 'EmailJob'] })],
      ['is nested deeper than anyone needs', smallSchema({ name: 'deep', type: nested(40) })],
      ['names a field __proto__', smallSchema({ name: '__proto__', type: 'string' })],
      ['names a field constructor', smallSchema({ name: 'constructor', type: 'string' })],
    ])('has a schema that %s', async (_, schema) => {
      const id = await register(ingest, schema);
      expect(await reasonOf(ingest, smallJob(id))).toBe('unreadable-schema');
    });

    it('ends early, or does not end', async () => {
      const value = codec.encode(ingest, aJob());
      expect(await reasonOf(ingest, value.subarray(0, value.length - 1))).toBe('malformed');
      expect(await reasonOf(ingest, Buffer.concat([value, Buffer.alloc(1)]))).toBe('malformed');
    });

    it('names an enum symbol or a branch that is not there', async () => {
      const id = await register(ingest, smallSchema({ name: 'region', type: ['null', 'string'] }));
      expect(await reasonOf(ingest, framed(id, text('job-1'), long(9), text('a@b.example'), long(0)))).toBe(
        'malformed',
      );
      expect(await reasonOf(ingest, smallJob(id, long(2)))).toBe('malformed');
      expect(await reasonOf(ingest, smallJob(id, long(-1)))).toBe('malformed');
    });

    it('has a length that reaches beyond the bytes, or before them', async () => {
      const id = await register(ingest, smallSchema());
      for (const length of [1_000, 2 ** 40, -1, -100]) {
        expect(await reasonOf(ingest, framed(id, long(length), text('x')))).toBe('malformed');
      }
    });
  });

  describe('bombs', () => {
    const listOf = (items: unknown) => smallSchema({ name: 'list', type: { type: 'array', items } });
    const nothing = { type: 'record', name: 'Nothing', fields: [] };

    it.each([
      ['a billion nulls in a field that is skipped', listOf('null'), [long(1e9), long(0)], 'too-large'],
      ['a billion empty records', listOf(nothing), [long(1e9), long(0)], 'too-large'],
      ['a billion announced strings', listOf('string'), [long(1e9)], 'too-large'],
      [
        'a block whose size leads back to its beginning',
        listOf('string'),
        [long(-1), long(-2), text(''), long(0)],
        'malformed',
      ],
      [
        'a block whose size is not that of its items',
        listOf('string'),
        [long(-1), long(9), text(''), long(0)],
        'malformed',
      ],
      ['a number that never ends', listOf('string'), [Buffer.alloc(100_000, 0x80)], 'malformed'],
      ['records that fan out to nothing', smallSchema({ name: 'fan', type: fan(12) }), [], 'too-large'],
      ['lists in lists of nothing', listOf({ type: 'array', items: 'null' }), [long(1e6), long(1e6)], 'too-large'],
    ])('%s', async (_, schema, parts, reason) => {
      const id = await register(ingest, schema);
      expect(await reasonOf(ingest, smallJob(id, ...parts))).toBe(reason);
    });

    it('a billion announced items of a list that is read', async () => {
      const id = await register(ingest, smallSchema({ name: 'tags', type: { type: 'array', items: 'string' } }));
      expect(await reasonOf(ingest, smallJob(id, long(1e9)))).toBe('too-large');
      expect(await reasonOf(ingest, smallJob(id, long(1_000), text('a')))).toBe('malformed');
    });
  });

  describe('any bytes', () => {
    it('decode or are refused, and never throw', async () => {
      const own = codec.encode(
        ingest,
        aJob({ tags: ['a', 'b'], payload: aPayload({ attachments: [anAttachment()] }) }),
      );
      const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
      const behindHeader = random.map((bytes) => Buffer.concat([own.subarray(0, 5), bytes]));
      const mutated = fc
        .array(fc.tuple(fc.nat({ max: own.length - 6 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 })
        .map((edits) => edits.reduce(edit, Buffer.from(own)));
      const cut = fc.nat({ max: own.length }).map((length) => own.subarray(0, length));
      await fc.assert(
        fc.asyncProperty(fc.oneof(random, behindHeader, mutated, cut), async (bytes) => {
          const decoded = await read(ingest, bytes);
          if (decoded.ok) expect(codec.encode(ingest, decoded.value)).toBeInstanceOf(Buffer);
          else expect(decoded.reason).toMatch(/^(bad-magic|malformed|unknown-schema|wrong-subject|too-large)$/);
        }),
        { numRuns: 3_000 },
      );
    });
  });
}

const edit = (bytes: Buffer, [at, byte]: [number, number]): Buffer => {
  bytes[5 + at] = byte;
  return bytes;
};

const aSignal: ReputationSignal = {
  eventId: 'event-1',
  subject: 'recipient:ada@inbox.example',
  kind: 'bounced',
  at: 1_700_000_000_000,
  tenant: 'default',
  type: 'marketing',
  jobId: 'job-1',
  source: 'relay-1',
  provider: 'other',
  smtpCode: 550,
  enhancedCode: '5.1.1',
  reply: 'no such user',
  class: 'invalid-recipient',
  ruleVersion: '1',
  count: 1,
  authenticated: true,
  route: null,
  who: null,
  why: null,
  until: null,
};

/** Lists inside each other. */
const nested = (depth: number): unknown => (depth === 0 ? 'int' : { type: 'array', items: nested(depth - 1) });

/** A record of ten records of ten records …: no bytes at all, and 10^depth steps. */
const fan = (depth: number): unknown =>
  depth === 0
    ? 'null'
    : {
        type: 'record',
        name: `Fan${depth}`,
        fields: Array.from({ length: 10 }, (_, n) => ({ name: `f${n}`, type: n === 0 ? fan(depth - 1) : leaf(depth) })),
      };
const leaf = (depth: number): unknown => (depth === 1 ? 'null' : `Fan${depth - 1}`);

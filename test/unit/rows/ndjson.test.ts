import fc from 'fast-check';
import { type NdjsonLine, readNdjson } from '../../../src/rows/ndjson.ts';
import { anyCharacter } from '../../support/any-text.ts';

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function linesOf(content: string | Buffer, chunkSize = 7, lineBytesMax = 1_000): Promise<NdjsonLine[]> {
  const lines: NdjsonLine[] = [];
  for await (const line of readNdjson(chunked(Buffer.from(content), chunkSize), lineBytesMax)) lines.push(line);
  return lines;
}

describe('reading NDJSON', () => {
  it('answers every line with its number, passing blank ones over, whatever ends them', async () => {
    const lines = await linesOf('\ufeff{"a":1}\r\n\n  \n[2]\n"last"');
    expect(lines.map((line) => [line.number, line.ok && line.value])).toEqual([
      [1, { a: 1 }],
      [4, [2]],
      [5, 'last'],
    ]);
  });

  it.each([
    ['no JSON at all', 'not json', 'not-json', 'unexpected o'],
    ['a line that ends too early', '{"a":', 'not-json', 'it ends too early'],
    [
      'a syntax error',
      '{"recipient": "someone-with-a-long-name@inbox.example", oops: 1}',
      'not-json',
      'at character 57',
    ],
    ['two values', '{"recipient": "someone-with-a-long-name@inbox.example"} {}', 'not-json', 'at character 57'],
    ['bytes that are no text', Buffer.from([0x22, 0xff, 0x22]), 'not-utf-8', ''],
  ])('tells of %s, and reads on', async (_, bad, problem, detail) => {
    const lines = await linesOf(Buffer.concat([Buffer.from('1\n'), Buffer.from(bad as string), Buffer.from('\n2')]));
    expect(lines).toMatchObject([
      { number: 1, ok: true, value: 1 },
      { number: 2, ok: false, problem, detail },
      { number: 3, ok: true, value: 2 },
    ]);
  });

  it('holds no more than one line of the largest size, however long a line is', async () => {
    let held = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 2_000; n++) {
        yield Buffer.alloc(64 * 1024, 0x61);
        held = Math.max(held, process.memoryUsage().arrayBuffers);
      }
      yield Buffer.from('\n7');
    }
    const before = process.memoryUsage().arrayBuffers;
    const lines: NdjsonLine[] = [];
    for await (const line of readNdjson(endless(), 100_000)) lines.push(line);
    expect(lines).toMatchObject([
      { number: 1, problem: 'line-too-long', detail: 'over 100000 bytes' },
      { number: 2, value: 7 },
    ]);
    expect(lines[0]?.text).toBe('a'.repeat(256));
    expect(held - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('reads the same lines however the bytes are cut', async () => {
    const value = fc.jsonValue().map((json) => JSON.stringify(json));
    const content = fc.array(
      fc.oneof(
        value,
        fc.string({ unit: anyCharacter }).map((text) => text.replaceAll('\n', '')),
      ),
    );
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 50 }), async (lines, size) => {
        const text = lines.join('\n');
        expect(await linesOf(text, size, 100)).toEqual(await linesOf(text, 100_000, 100));
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});

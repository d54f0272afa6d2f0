import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type ImportParts, importRows } from '../../../../producers/import/import.ts';
import { ImportState } from '../../../../src/cli/import/state.ts';
import { PostlaneError } from '../../../../src/domain/error.ts';
import { systemClock } from '../../../../src/host/clock.ts';
import { readCsv } from '../../../../src/rows/csv.ts';
import { BEGINNING } from '../../../../src/rows/row.ts';
import type { LogRecord } from '../../../../src/runtime/ports.ts';

class Crash extends Error {}

const COLUMNS = ['email', 'name'];
/** A file with bad rows of two kinds among good ones. */
const content = (rows: number): string =>
  Array.from({ length: rows }, (_, n) => {
    if (n % 7 === 3) return 'one field\n';
    return n % 11 === 5 ? `refused-${n},x\n` : `user-${n}@x.example,"Name\n${n}"\n`;
  }).join('');

async function* pieces(bytes: Buffer, from: number, size: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const NEVER = new AbortController().signal;

describe('an import', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-import-test-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const openState = (state: string) =>
    ImportState.open({
      directory: state,
      errorsPath: null,
      settings: { file: 'x' },
      decide: async () => ({}),
      restart: false,
      now: () => 0,
    });

  /** One process: it ends, or crashes where `crash` says so. What it had appended stays appended. */
  async function runOnce(
    state: string,
    bytes: Buffer,
    log: LogRecord[],
    over: Partial<ImportParts> & { readonly pieceSize?: number; readonly saveAlways?: boolean } = {},
  ): Promise<void> {
    const opened = await openState(state);
    try {
      const { place, counts } = opened.reached;
      const from = place.bytes;
      await importRows({
        rows: readCsv(pieces(bytes, from, over.pieceSize ?? 1_000), { delimiter: ',', columns: COLUMNS, from: place }),
        from: { place, counts },
        accept: (row) =>
          row.fields[0]?.startsWith('refused')
            ? { ok: false, problem: 'recipient-invalid', detail: '' }
            : { ok: true, record: { topic: 't', key: `i:${row.line}`, value: Buffer.from(row.fields.join()) } },
        append: async (records) => void log.push(...records),
        errors: opened.errors,
        save: (to, reached) => opened.save(to, reached),
        rowsPerSecond: null,
        clock: systemClock,
        signal: NEVER,
        onProgress: () => undefined,
        onBad: () => undefined,
        onRetry: () => undefined,
        ...over,
      });
    } finally {
      await opened.close();
    }
  }

  const badLines = async (state: string): Promise<number[]> =>
    (await readFile(join(state, 'errors.ndjson'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { line: number }).line);

  it('appends every good row and writes every bad one down', async () => {
    const log: LogRecord[] = [];
    const state = join(directory, 'calm');
    await runOnce(state, Buffer.from(content(100)), log);
    const bad = await badLines(state);
    expect(log.length + bad.length).toBe(100);
    expect(new Set(log.map(({ key }) => key)).size).toBe(log.length);
    expect(JSON.parse(await readFile(join(state, 'checkpoint.json'), 'utf8'))).toMatchObject({
      counts: { rows: 100, published: log.length, refused: bad.length },
    });
  });

  it('killed anywhere, any number of times, loses no row, changes none, and writes bad rows down once', async () => {
    const bytes = Buffer.from(content(3_000));
    const calm: LogRecord[] = [];
    await runOnce(join(directory, 'calm'), bytes, calm);
    const calmBad = await badLines(join(directory, 'calm'));
    const calmContent = new Map(calm.map(({ key, value }) => [key, String(value)]));
    const kill = fc.record({
      appends: fc.nat(6),
      landed: fc.boolean(),
      where: fc.constantFrom('append', 'write', 'save'),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(kill, { maxLength: 4 }), fc.integer({ min: 200, max: 20_000 }), async (kills, size) => {
        const state = join(directory, `run-${++run}`);
        const log: LogRecord[] = [];
        for (const { appends, landed, where } of kills) {
          let left = appends;
          const crash = (): void => {
            if (left-- <= 0) throw new Crash();
          };
          const opened = runOnce(state, bytes, log, {
            pieceSize: size,
            append: async (records) => {
              if (where !== 'append') return void log.push(...records);
              if (landed) log.push(...records);
              crash();
              if (!landed) log.push(...records);
            },
            ...(where === 'append' ? {} : { onProgress: crash }),
          });
          await expect(
            opened.catch((error) => (error instanceof Crash ? undefined : Promise.reject(error))),
          ).resolves.toBe(undefined);
        }
        await runOnce(state, bytes, log, { pieceSize: size });
        expect(new Map(log.map(({ key, value }) => [key, String(value)]))).toEqual(calmContent);
        for (const { key, value } of log) expect(String(value)).toBe(calmContent.get(key));
        expect(await badLines(state)).toEqual(calmBad);
      }),
      { numRuns: 15 },
    );
  });

  it('does not go on behind what was saved: what a dead process wrote after that is written again, not twice', async () => {
    const state = join(directory, 'torn');
    const bytes = Buffer.from(content(2_000));
    const log: LogRecord[] = [];
    const crashed = runOnce(state, bytes, log, {
      onBad: () => {
        throw new Crash();
      },
    });
    await expect(crashed).rejects.toThrow(Crash);
    expect((await badLines(state)).length).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(join(state, 'checkpoint.json'), 'utf8'))).toMatchObject({
      place: BEGINNING,
      errorBytes: 0,
    });
    await runOnce(state, bytes, log);
    const bad = await badLines(state);
    expect(new Set(bad).size).toBe(bad.length);
  });

  it('waits for brokers that do not answer, and tells', async () => {
    const log: LogRecord[] = [];
    let failures = 2;
    const told: unknown[] = [];
    await runOnce(join(directory, 'away'), Buffer.from(content(10)), log, {
      append: async (records) => {
        if (failures-- > 0) throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'publishing' });
        log.push(...records);
      },
      onRetry: (error) => told.push(error),
    });
    expect(told).toHaveLength(2);
    expect(log.length + (await badLines(join(directory, 'away'))).length).toBe(10);
  });

  it('stops where it is told to, and keeps its place', async () => {
    const state = join(directory, 'stopped');
    const log: LogRecord[] = [];
    const stopping = new AbortController();
    await runOnce(state, Buffer.from(content(5_000)), log, {
      signal: stopping.signal,
      append: async (records) => {
        log.push(...records);
        stopping.abort();
      },
    });
    const published = log.length;
    expect(published).toBeLessThan(3_000);
    await runOnce(state, Buffer.from(content(5_000)), log);
    expect(new Set(log.map(({ key }) => key)).size).toBe(log.length);
  });

  it('is imported by one process at a time, and only as it was begun', async () => {
    const state = join(directory, 'shared');
    const first = await openState(state);
    await expect(openState(state)).rejects.toMatchObject({ facts: { what: 'another process is importing this' } });
    await first.close();
    const other = ImportState.open({
      directory: state,
      errorsPath: null,
      settings: { file: 'y' },
      decide: async () => ({}),
      restart: false,
      now: () => 0,
    });
    await expect(other).rejects.toMatchObject({ facts: { differing: ['file'] } });
  });
});

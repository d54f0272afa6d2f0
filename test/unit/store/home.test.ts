import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { jest } from '@jest/globals';
import { StoreHome } from '../../../src/store/home.ts';

// A bound against hanging, not a promise: the machine may be busy with other suites.
jest.setTimeout(60_000);

const KEY = Buffer.from('key');
const VALUE = Buffer.from('value');
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-home-'));
});
afterEach(() => rm(directory, { recursive: true }));

const using = async <T>(work: (home: StoreHome) => T): Promise<T> => {
  const home = await StoreHome.open(directory);
  try {
    return work(home);
  } finally {
    await home.close();
  }
};
const fill = () =>
  using((home) => {
    const database = home.database('a');
    home.transact(() => {
      void database.put(KEY, VALUE);
      for (let n = 0; n < 2_000; n++) void database.put(Buffer.from(`filler-${n}`), Buffer.alloc(100));
    });
  });
const found = () => using((home) => ({ fresh: home.fresh, value: home.database('a').get(KEY) }));
const data = () => join(directory, 'data.mdb');
const state = () => join(directory, 'home.json');

describe('a store home', () => {
  it('keeps what was written', async () => {
    await fill();
    expect(await found()).toEqual({ fresh: false, value: VALUE });
  });

  it('shows a write at once, and nothing of one that failed', async () => {
    await using((home) => {
      const database = home.database('a');
      home.transact(() => void database.put(KEY, VALUE));
      expect(database.get(KEY)).toEqual(VALUE);
      const broken = () =>
        home.transact(() => {
          void database.put(KEY, Buffer.from('other'));
          throw new Error('in the middle');
        });
      expect(broken).toThrow('STORE_UNAVAILABLE');
      expect(database.get(KEY)).toEqual(VALUE);
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['cut short', () => truncate(data(), 40_960)],
    ['cut to nothing', () => truncate(data(), 0)],
    ['overwritten', () => writeFile(data(), Buffer.alloc(65_536, 7))],
    ['missing', () => rm(data())],
    ['of another format', () => writeFile(state(), '{"format":0,"bootId":null,"phase":"closed"}')],
    ['without its state', () => rm(state())],
    ['with a broken state', () => writeFile(state(), '{')],
  ])('begins anew where the store is %s', async (_, damage) => {
    await fill();
    await damage();
    expect(await found()).toEqual({ fresh: true, value: undefined });
    await fill();
    expect(await found()).toEqual({ fresh: false, value: VALUE });
  });

  const rewrite = async (change: object) =>
    writeFile(state(), JSON.stringify({ ...JSON.parse(await readFile(state(), 'utf8')), ...change }));

  it.each(['closed', 'open'] as const)(
    'keeps a file that ends before the last page that lmdb counts (%s)',
    async (phase) => {
      let missing = 0;
      await using((home) => {
        const database = home.database('a');
        home.transact(() => void database.put(KEY, VALUE));
        const { root } = home as unknown as { readonly root: { getStats(): { readonly lastPageNumber: number } } };
        for (let n = 0; n < 3_000 && missing <= 0; n++) {
          home.transact(() => {
            for (let row = 0; row < 500; row++)
              void database.put(hash('sha256', `${n} ${row}`, 'buffer'), Buffer.alloc(30));
          });
          missing = (root.getStats().lastPageNumber + 1) * 4_096 - statSync(data()).size;
        }
      });
      // Or this shows nothing.
      expect(missing).toBeGreaterThan(0);
      await rewrite({ phase, ...(phase === 'open' && { bytes: null }) });
      expect(await found()).toEqual({ fresh: false, value: VALUE });
    },
  );

  it('does not keep one that was cut by a page since it was closed', async () => {
    await fill();
    await truncate(data(), statSync(data()).size - 4_096);
    expect(await found()).toEqual({ fresh: true, value: undefined });
  });

  it('does not trust a store that was open when the machine went down', async () => {
    await fill();
    await rewrite({ phase: 'open', bootId: 'another' });
    expect(await found()).toMatchObject({ fresh: true });
  });

  it('trusts one that was closed before the machine went down', async () => {
    await fill();
    await rewrite({ phase: 'closed', bootId: 'another' });
    expect(await found()).toMatchObject({ fresh: false });
  });

  it('does not try again what a process died of', async () => {
    await fill();
    await rewrite({ phase: 'opening' });
    expect(await found()).toMatchObject({ fresh: true });
  });

  it('survives a process that is killed, with everything that was committed', async () => {
    const script = join(directory, 'writer.ts');
    await appendFile(
      script,
      `import { StoreHome } from ${JSON.stringify(resolve('src/store/home.ts'))};
       const home = await StoreHome.open(${JSON.stringify(directory)});
       const database = home.database('a');
       for (let n = 0; n < 500; n++) home.transact(() => void database.put(Buffer.from('n' + n), Buffer.from('value')));
       process.kill(process.pid, 'SIGKILL');`,
    );
    expect(spawnSync(process.execPath, [script]).signal).toBe('SIGKILL');
    await using((home) => {
      expect(home.fresh).toBe(false);
      const database = home.database('a');
      for (let n = 0; n < 500; n++) expect(database.get(Buffer.from(`n${n}`))).toEqual(VALUE);
    });
  });

  it('says so where it cannot be', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(StoreHome.open(join(directory, 'file'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('closes once', async () => {
    const home = await StoreHome.open(directory);
    await Promise.all([home.close(), home.close()]);
  });
});

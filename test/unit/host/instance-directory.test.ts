import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimInstanceDirectory } from '../../../src/host/instance-directory.ts';

let state: string;

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'instances-'));
});

afterEach(() => rm(state, { recursive: true, force: true }));

/** No process has this number: it lies beyond what a system gives out. */
const DEAD = '99999999 1';

it('gives every living owner a directory and a name of its own', async () => {
  const claimed = [await claimInstanceDirectory(state, 'router'), await claimInstanceDirectory(state, 'router')];
  expect(claimed.map(({ path }) => path)).toEqual([join(state, 'router-1'), join(state, 'router-2')]);
  expect(new Set(claimed.map(({ id }) => id)).size).toBe(2);
});

it('gives a directory that was released to the next one, under the same name', async () => {
  const first = await claimInstanceDirectory(state, 'router');
  await first.release();
  const second = await claimInstanceDirectory(state, 'router');
  expect([second.path, second.id]).toEqual([first.path, first.id]);
});

it('gives the directory of an owner that was killed to one of many who want it', async () => {
  const dead = await claimInstanceDirectory(state, 'router');
  await writeFile(join(dead.path, 'owner.1'), DEAD);
  const heirs = await Promise.all(Array.from({ length: 20 }, () => claimInstanceDirectory(state, 'router')));
  expect(new Set(heirs.map(({ path }) => path)).size).toBe(heirs.length);
  expect(heirs.filter(({ id }) => id === dead.id)).toHaveLength(1);
});

it('leaves one claim behind, however often its owners were killed', async () => {
  for (let n = 0; n < 5; n++) {
    const { path } = await claimInstanceDirectory(state, 'router');
    const [claim] = (await readdir(path)).filter((name) => name.startsWith('owner.'));
    await writeFile(join(path, claim as string), DEAD);
  }
  const { path } = await claimInstanceDirectory(state, 'router');
  expect((await readdir(path)).filter((name) => name.startsWith('owner.'))).toHaveLength(1);
});

import { ResolverLookUps, untilAborted } from '../../../src/dns/look-ups.ts';
import type { Resolver } from '../../../src/dns/resolver.ts';
import { CheckRun } from '../../../src/dns/run-checks.ts';
import type { Answer, Asking } from '../../../src/domain/dns/lookup.ts';
import { MemoryResolver } from '../../../src/testing/memory-resolver.ts';

const silent: Resolver = new Proxy({} as Resolver, { get: () => () => new Promise(() => undefined) });

it('a look-up that waits for a silent server ends when somebody stops', async () => {
  const stopping = new AbortController();
  const lookUps = untilAborted(new ResolverLookUps({ resolver: silent }), stopping.signal);
  const waiting = lookUps.lookUp({ type: 'A', name: 'a.test' });
  stopping.abort();
  const stopped: Answer = { kind: 'failed', fault: 'deadline' };
  expect(await waiting).toEqual(stopped);
  expect(await lookUps.lookUp({ type: 'A', name: 'b.test' })).toEqual(stopped);
});

it('asks for no more than it may, and says what was not asked', async () => {
  const lookUps = new ResolverLookUps({ resolver: new MemoryResolver([]) });
  const run = new CheckRun(lookUps, { now: () => 0 }, { deadlineMs: 1, lookupsMax: 2 });
  const check = function* (): Asking<readonly never[]> {
    for (const name of ['a.test', 'a.test', 'b.test', 'c.test']) yield { type: 'A', name };
    return [];
  };
  const found = await run.findings([check()]);
  expect(found.map(({ code, about }) => `${code} ${about}`)).toEqual(['lookup-failed A c.test']);
});

it('asks nothing after its deadline', async () => {
  let now = 0;
  const lookUps = new ResolverLookUps({ resolver: new MemoryResolver([]) });
  const run = new CheckRun(lookUps, { now: () => now }, { deadlineMs: 10, lookupsMax: 10 });
  const check = function* (): Asking<readonly never[]> {
    yield { type: 'A', name: 'a.test' };
    now = 10;
    yield { type: 'A', name: 'b.test' };
    return [];
  };
  expect((await run.findings([check()])).map(({ about }) => about)).toEqual(['A b.test']);
});

import fc from 'fast-check';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/time.ts';
import { resumed, withReplay } from '../../src/domain/webhook-endpoint.ts';
import { NotifierWorld, refusedWith, TAKEN } from '../support/notifier-world.ts';

describe('the notifier', () => {
  it('tells every endpoint of a tenant what it wants to hear, once', async () => {
    const world = new NotifierWorld();
    world.endpoint('all');
    world.endpoint('bounces', { events: ['email.bounced'] });
    world.endpoint('stranger', { tenant: 'other' });
    await world.start();
    world.record('one');
    world.record('two', { kind: 'ending', ending: 'bounced' });
    await world.pass(SECOND_MS);
    expect(world.jobsTold('all')).toEqual(['one', 'two']);
    expect(world.jobsTold('bounces')).toEqual(['two']);
    expect(world.jobsTold('stranger')).toEqual([]);
    expect(world.row('all')).toMatchObject({ delivered: 2, waiting: [], failures: 0 });
    await world.stop();
  });

  it('tells nothing of what happened before an endpoint was made', async () => {
    const world = new NotifierWorld();
    world.record('before');
    await world.pass(SECOND_MS);
    world.endpoint('late');
    await world.start();
    world.record('after');
    await world.pass(SECOND_MS);
    expect(world.jobsTold('late')).toEqual(['after']);
    await world.stop();
  });

  it('tries an event again, under the same id, and more and more seldom', async () => {
    const world = new NotifierWorld();
    world.endpoint('moody');
    let refusals = 3;
    world.behaviours.set('https://moody.example/', () => (refusals-- > 0 ? refusedWith(500) : TAKEN));
    await world.start();
    world.record('one');
    await world.pass(HOUR_MS);
    expect(world.jobsTold('moody')).toEqual(['one', 'one', 'one', 'one']);
    expect(new Set(world.told.map(({ id }) => id)).size).toBe(1);
    const [first = 0, ...later] = world.told.map(({ at }) => at);
    expect(later.map((at) => Math.round((at - first) / SECOND_MS))).toEqual([5, 35, 155]);
    expect(world.row('moody')).toMatchObject({ delivered: 1, waiting: [], failures: 0, since: null });
    await world.stop();
  });

  it('honours Retry-After', async () => {
    const world = new NotifierWorld();
    world.endpoint('busy');
    let refusals = 1;
    world.behaviours.set('https://busy.example/', () => (refusals-- > 0 ? refusedWith(503, 10 * MINUTE_MS) : TAKEN));
    await world.start();
    world.record('one');
    await world.pass(9 * MINUTE_MS);
    expect(world.told).toHaveLength(1);
    await world.pass(2 * MINUTE_MS);
    expect(world.told).toHaveLength(2);
    await world.stop();
  });

  it('pauses what takes nothing for a day, with bounded attempts and rows, slows nobody else, and loses nothing', async () => {
    const world = new NotifierWorld();
    const dead = world.endpoint('dead');
    world.endpoint('good');
    let isDead = true;
    world.behaviours.set('https://dead.example/', () => (isDead ? refusedWith(500) : TAKEN));
    await world.start();
    const jobs: string[] = [];
    for (let n = 0; n < 300; n++) {
      jobs.push(`job-${n}`);
      world.record(`job-${n}`);
      await world.pass(5 * MINUTE_MS);
      // Whatever the dead one does, the good one has it within two seconds.
      const told = world.told.filter(({ url }) => url.includes('good')).at(-1);
      expect(told?.jobId).toBe(`job-${n}`);
      expect(world.clock.now() - (told?.at ?? 0)).toBeGreaterThanOrEqual(5 * MINUTE_MS - 2 * SECOND_MS);
    }
    expect(world.jobsTold('good')).toEqual(jobs);
    expect(world.row('dead')?.pause).toMatchObject({ reason: 'dead' });
    expect(world.jobsTold('dead').length).toBeLessThan(80);
    expect(world.row('dead')?.waiting.length).toBeLessThan(20);
    const before = world.told.length;
    await world.pass(DAY_MS);
    expect(world.told).toHaveLength(before);
    isDead = false;
    world.put(resumed(dead));
    await world.pass(10 * SECOND_MS);
    const taken = world
      .jobsTold('dead')
      .slice(world.told.slice(0, before).filter(({ url }) => url.includes('dead')).length);
    expect(taken.toSorted()).toEqual(jobs.toSorted());
    expect(world.row('dead')).toMatchObject({ waiting: [], failures: 0, delivered: 300, exhausted: 0, lost: 0 });
    await world.stop();
  }, 60_000);

  it('gives up an event that is refused for a day while others are taken, which do not wait for it', async () => {
    const world = new NotifierWorld();
    world.endpoint('picky');
    world.behaviours.set('https://picky.example/', ({ jobId }) => (jobId === 'poison' ? refusedWith(422) : TAKEN));
    await world.start();
    world.record('poison');
    for (let hour = 0; hour < 34; hour++) {
      world.record(`hourly-${hour}`);
      await world.pass(SECOND_MS);
      expect(world.jobsTold('picky')).toContain(`hourly-${hour}`);
      await world.pass(HOUR_MS);
    }
    expect(world.jobsTold('picky').filter((jobId) => jobId !== 'poison')).toHaveLength(34);
    expect(world.jobsTold('picky').filter((jobId) => jobId === 'poison').length).toBeGreaterThan(8);
    expect(world.row('picky')).toMatchObject({ waiting: [], exhausted: 1, pause: null, failures: 0 });
    await world.stop();
  });

  it('pauses at once what says that it is gone', async () => {
    const world = new NotifierWorld();
    world.endpoint('gone');
    world.behaviours.set('https://gone.example/', () => refusedWith(410));
    await world.start();
    world.record('one');
    await world.pass(DAY_MS);
    expect(world.told).toHaveLength(1);
    expect(world.row('gone')).toMatchObject({ pause: { reason: 'gone' }, waiting: [{ attempts: 1 }] });
    await world.stop();
  });

  it('delivers a range of time once more, under the same ids', async () => {
    const world = new NotifierWorld();
    const endpoint = world.endpoint('again');
    await world.start();
    world.record('early');
    await world.pass(MINUTE_MS);
    const since = world.clock.now();
    world.record('one');
    world.record('two');
    await world.pass(MINUTE_MS);
    const until = world.clock.now();
    world.record('late');
    await world.pass(MINUTE_MS);
    const firstIds = world.told.filter(({ jobId }) => ['one', 'two'].includes(jobId)).map(({ id }) => id);
    world.put(withReplay(endpoint, { replayId: 'r1', since, until }, world.clock.now()));
    await world.pass(SECOND_MS);
    expect(world.jobsTold('again')).toEqual(['early', 'one', 'two', 'late', 'one', 'two']);
    expect(world.told.slice(-2).map(({ id }) => id)).toEqual(firstIds);
    expect(world.row('again')?.replays).toEqual([{ replayId: 'r1', cursors: [] }]);
    await world.crash();
    await world.pass(MINUTE_MS);
    expect(world.told).toHaveLength(6);
    await world.stop();
  });

  it('forgets an endpoint that is deleted', async () => {
    const world = new NotifierWorld();
    world.endpoint('short');
    await world.start();
    world.record('one');
    await world.pass(SECOND_MS);
    world.delete('short');
    world.record('two');
    await world.pass(SECOND_MS);
    expect(world.jobsTold('short')).toEqual(['one']);
    expect(world.row('short')).toBeUndefined();
    await world.stop();
  });

  it('says what the log no longer had', async () => {
    const world = new NotifierWorld();
    const endpoint = world.endpoint('asleep', { paused: true });
    await world.start();
    for (let n = 0; n < 10; n++) world.record(`job-${n}`);
    await world.pass(SECOND_MS);
    world.history.forgottenTo = 4;
    world.put(resumed(endpoint));
    await world.pass(SECOND_MS);
    expect(world.jobsTold('asleep')).toEqual(['job-4', 'job-5', 'job-6', 'job-7', 'job-8', 'job-9']);
    expect(world.row('asleep')).toMatchObject({ lost: 4, delivered: 6 });
    await world.stop();
  });

  it('tells everything at least once, under one id per event, whatever crashes and refuses', async () => {
    const action = fc.oneof(
      { weight: 5, arbitrary: fc.constant('record' as const) },
      { weight: 2, arbitrary: fc.constant('crash' as const) },
      { weight: 1, arbitrary: fc.constant('stop' as const) },
      { weight: 2, arbitrary: fc.constant('wait' as const) },
      { weight: 2, arbitrary: fc.constant('pass' as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 25 }),
        fc.array(fc.constantFrom('taken', 'refused', 'slow'), { maxLength: 12 }),
        async (actions, answers) => {
          const world = new NotifierWorld();
          world.endpoint('any');
          const taken = new Set<string>();
          let asked = 0;
          world.behaviours.set('https://any.example/', async ({ jobId }) => {
            const answer = answers[asked++] ?? 'taken';
            if (answer === 'refused') return refusedWith(500);
            taken.add(jobId);
            if (answer === 'slow') await world.clock.sleep(3 * SECOND_MS);
            return TAKEN;
          });
          await world.start();
          let jobs = 0;
          for (const each of actions) {
            if (each === 'record') world.record(`job-${jobs++}`);
            else if (each === 'crash') await world.crash();
            else if (each === 'stop') {
              await world.stop();
              await world.crash();
            } else await world.pass(each === 'wait' ? 100 : MINUTE_MS);
          }
          await world.pass(14 * HOUR_MS);
          expect(taken.size).toBe(jobs);
          const idsOf = Map.groupBy(world.told, ({ jobId }) => jobId);
          for (const told of idsOf.values()) expect(new Set(told.map(({ id }) => id)).size).toBe(1);
          expect(world.row('any')?.waiting ?? []).toEqual([]);
          await world.stop();
        },
      ),
      { numRuns: 25 },
    );
  }, 60_000);
});

import { breathe } from '../../../src/kafka/breath.ts';

/** Work that never waits for anything that is not there already, for a tenth of a second. */
async function work(step: () => Promise<void>): Promise<void> {
  const end = performance.now() + 100;
  while (performance.now() < end) await step();
}

async function turnsDuring(step: () => Promise<void>): Promise<number> {
  let turns = 0;
  let watching = true;
  const watch = () => {
    if (!watching) return;
    turns++;
    setImmediate(watch);
  };
  setImmediate(watch);
  await work(step);
  watching = false;
  return turns;
}

describe('a breath of the event loop', () => {
  it('lets the loop turn within long work', async () => {
    expect(await turnsDuring(breathe)).toBeGreaterThan(0);
  });

  it('is what long work needs: awaiting what is there gives way to nobody', async () => {
    expect(await turnsDuring(async () => undefined)).toBe(0);
  });
});

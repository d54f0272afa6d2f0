import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const MEBIBYTE = 1_048_576;

/** In a process of its own: how much room V8 gave to what dies young is never taken back at once. */
const script = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { withSmallYoungGeneration } from '${pathToFileURL(`${process.cwd()}/src/host/young-generation.ts`)}';
  const room = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').physical_space_size;
  // Lives just long enough to be moved by a collection, as the records of a fetch do.
  const work = () => {
    let kept = [];
    for (let n = 0; n < 1500; n++) kept = Array.from({ length: 3000 }, (_, m) => ({ n, of: [m] }));
    return kept.length;
  };
  let end;
  const other = withSmallYoungGeneration(() => new Promise((resolve) => { end = resolve; }));
  await withSmallYoungGeneration(async () => work());
  const one = room();
  work();
  const whileOther = room();
  end();
  await other;
  await withSmallYoungGeneration(async () => { throw new Error('fails'); }).catch(() => undefined);
  work();
  console.log(JSON.stringify({ one, whileOther, behind: room() }));
`;

describe('a small young generation', () => {
  it('stays small as long as anybody asks for it, and grows as ever behind that', () => {
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    const { one, whileOther, behind } = JSON.parse(printed) as Record<string, number>;
    expect(one).toBeLessThan(8 * MEBIBYTE);
    expect(whileOther).toBeLessThan(8 * MEBIBYTE);
    expect(behind).toBeGreaterThanOrEqual(16 * MEBIBYTE);
  });
});

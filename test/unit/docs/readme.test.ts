import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The examples are compiled with everything else; what the README shows must be them, to the letter. */
describe('the README', () => {
  const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]);

  it.each([
    ['publish', 0],
    ['consume', 1],
  ])('shows examples/kafka-typescript/%s.ts', (name, n) => {
    const example = readFileSync(join(root, `examples/kafka-typescript/${name}.ts`), 'utf8');
    expect(blocks[n]).toBe(example.replace("'../../src/index.ts'", "'postlane'"));
  });

  it('links only to files that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] as string);
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect([link, existsSync(join(root, link))]).toEqual([link, true]);
  });
});

import { PostlaneError } from '../domain/error.ts';
import type { Problem } from './types.ts';

/** No more than this many are listed: a file of the wrong kind would otherwise name every line. */
const PROBLEMS_MAX = 100;

/** Collects everything that is wrong, so that it is told at once. */
export class Problems {
  private readonly list: Problem[] = [];

  add(path: string, line: number | null, message: string): void {
    if (this.list.length < PROBLEMS_MAX) this.list.push({ path, line, message });
  }

  /** Throws CONFIG_INVALID with every problem, in the order of the file. */
  throwAny(file: string | null): void {
    if (this.list.length === 0) return;
    const last = Number.MAX_SAFE_INTEGER;
    const problems = [...this.list].sort((a, b) => (a.line ?? last) - (b.line ?? last));
    throw new PostlaneError('CONFIG_INVALID', { file, problems });
  }
}

/** One line per problem, as compilers write them. */
export const problemLine = (file: string | null, problem: Problem): string =>
  `${file ?? 'configuration'}${problem.line === null ? '' : `:${problem.line}`}: ${problem.path ? `${problem.path}: ` : ''}${problem.message}`;

/** The known word that a mistyped one most likely meant; `null` where none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.slice(0, 64).toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** ` (did you mean "x"?)`, or what there is to choose from. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== null) return ` (did you mean "${near}"?)`;
  return known.length === 0 ? '' : ` (known: ${known.slice(0, 20).join(', ')})`;
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let distance = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) distance = Math.min(distance, (beforeLast[column - 2] as number) + 1);
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] as number;
}

import { isPostlaneError, PostlaneError } from '../domain/error.ts';

/**
 * What a user is shown of an error: code and facts, one per line, without the stack, which tells about us and not about them.
 * `verbose` adds it, with every cause.
 */
export function describeError(error: unknown, verbose: boolean): string {
  const lines = isPostlaneError(error) ? describeFacts(error) : [`postlane: ${messageOf(error)}`];
  if (verbose) lines.push(...stacksOf(error));
  else if (!(error instanceof PostlaneError)) lines.push('  (--verbose shows where)');
  return lines.join('\n');
}

function describeFacts(error: PostlaneError): string[] {
  const { what, ...rest } = error.facts;
  const lines = [`postlane: ${error.code}${typeof what === 'string' ? `: ${what}` : ''}`];
  for (const [name, value] of Object.entries(rest)) lines.push(...describeFact(name, value));
  if (error.cause !== undefined) lines.push(`  cause: ${messageOf(error.cause)}`);
  return lines;
}

function describeFact(name: string, value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [`  ${name}:`, ...value.map((item) => `    ${text(item)}`)];
  return [`  ${name}: ${text(value)}`];
}

/** Problems of the configuration, as `path (line n): message`; any other value as it is. */
function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isProblem(value)) {
    const where = [value.path, value.line === null ? '' : `(line ${value.line})`].filter((part) => part !== '');
    return where.length === 0 ? value.message : `${where.join(' ')}: ${value.message}`;
  }
  return JSON.stringify(value);
}

interface ProblemShape {
  readonly path: string;
  readonly line: number | null;
  readonly message: string;
}

const isProblem = (value: unknown): value is ProblemShape =>
  typeof value === 'object' && value !== null && 'path' in value && 'line' in value && 'message' in value;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const CAUSES_MAX = 8;

function stacksOf(error: unknown): readonly string[] {
  const stacks: string[] = [];
  let current = error;
  while (current instanceof Error && stacks.length < CAUSES_MAX) {
    stacks.push(current.stack ?? current.message);
    current = current.cause;
  }
  return stacks;
}

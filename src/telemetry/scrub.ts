import { PostlaneError } from '../domain/error.ts';

/** Turns an address into what may be logged in its place. */
export type HashAddress = (address: string) => string;

const DEPTH_MAX = 6;
const ENTRIES_MAX = 50;
const TEXT_LENGTH_MAX = 4_096;

/** What is someone's content or secret by its name, whatever it holds. */
const UNSPEAKABLE = new Set(
  [
    'html',
    'text',
    'subject',
    'mime',
    'payload',
    'content',
    'mergeData',
    'metadata',
    'headers',
    'password',
    'pass',
    'user',
    'secret',
    'privateKey',
  ].map((name) => name.toLowerCase()),
);

/**
 * Anything of the form local@domain, quoted local parts too. A slash before the `@` is a path (`node_modules/@scope`),
 * which no address may begin its domain with.
 */
const ADDRESS = /(?:"[^"\r\n]{1,64}"|[^\s<>()[\],;:"]{0,63}[^\s<>()[\],;:"/])@[^\s<>(),;:"'/]+/gu;

/** User and password in a URL. */
const CREDENTIALS = /(?<=:\/\/)[^\s/@]*@/g;

const scrubText = (text: string, hash: HashAddress): string => {
  const short = text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text;
  return short.includes('@') ? short.replace(CREDENTIALS, '').replace(ADDRESS, (address) => hash(address)) : short;
};

/** A copy that may be logged: addresses hashed, content and secrets left out, bounded in depth and length. Never throws. */
export function scrub(value: unknown, hash: HashAddress, depth = 0): unknown {
  if (typeof value === 'string') return scrubText(value, hash);
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX) return '…';
  if (value instanceof Error) return scrubError(value, hash, depth);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((item) => scrub(item, hash, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.slice(0, ENTRIES_MAX).map(([key, inner]) => {
      const name = scrubText(String(key), hash);
      return [name, UNSPEAKABLE.has(name.toLowerCase()) ? '[left out]' : scrub(inner, hash, depth + 1)];
    }),
  );
}

function scrubError(error: Error, hash: HashAddress, depth: number): unknown {
  const code = (error as { readonly code?: unknown }).code;
  return {
    name: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    // The message of ours repeats its facts, which are scrubbed by name below.
    ...(error instanceof PostlaneError
      ? { facts: scrub(error.facts, hash, depth + 1) }
      : { message: scrubText(error.message, hash) }),
    stack: scrubText(stackOf(error), hash),
    ...(error.cause === undefined ? {} : { cause: scrub(error.cause, hash, depth + 1) }),
  };
}

/** Where it happened; the message before it is told above. */
const stackOf = (error: Error): string => {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return frames.slice(0, 20).join('\n');
};

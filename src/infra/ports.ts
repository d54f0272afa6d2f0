import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { PostlaneError } from '../domain/error.ts';
import { replaceFile } from './replace-file.ts';

/**
 * Below the ranges from which Linux and macOS take the local ports of outgoing connections: while a broker is down, a
 * client that keeps knocking could otherwise be given the broker's own port, and the broker could not come back.
 */
const PORT_MIN = 15_000;
const PORT_MAX = 32_000;
const ATTEMPTS_MAX = 50;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port of 127.0.0.1 on which nothing listens now, and that is none of `taken`. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'a free port', from: PORT_MIN, to: PORT_MAX });
}

/** One port per name: the one remembered in `file` where it is free, else another, remembered from then on. */
export async function rememberedPorts<Name extends string>(
  file: string,
  names: readonly Name[],
): Promise<Readonly<Record<Name, number>>> {
  const before = await remembered(file);
  const ports: Record<string, number> = { ...before };
  const taken = new Set(Object.values(before));
  for (const name of names) {
    const known = before[name];
    if (known !== undefined && (await isFree(known))) continue;
    const port = await freePort(taken);
    taken.add(port);
    ports[name] = port;
  }
  await replaceFile(file, `${JSON.stringify(ports, null, 2)}\n`);
  return ports as Record<Name, number>;
}

async function remembered(file: string): Promise<Readonly<Record<string, number>>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return {};
    const entries = Object.entries(parsed).filter(
      (entry): entry is [string, number] => Number.isInteger(entry[1]) && entry[1] > 0 && entry[1] < 65_536,
    );
    return Object.fromEntries(entries);
  } catch {
    return {}; // the first start, or a file cut short by a crash: other ports do as well
  }
}

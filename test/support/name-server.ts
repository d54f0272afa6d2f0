import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createResolver } from '../../src/dns/resolver.ts';
import { freePort } from '../../src/infra/ports.ts';
import type { MemoryRecord } from '../../src/testing/memory-resolver.ts';
import { until } from './until.ts';

const STRING_BYTES_MAX = 255;

/** A real name server (NSD) of a test's own, on a free port of 127.0.0.1, that knows all names there are. */
export class NameServer {
  readonly port: number;
  private readonly directory: string;
  private child: ChildProcess | null = null;
  private serial = 1;

  private constructor(port: number, directory: string) {
    this.port = port;
    this.directory = directory;
  }

  static async start(records: readonly MemoryRecord[]): Promise<NameServer> {
    const server = new NameServer(await freePort(), await mkdtemp(join(tmpdir(), 'postlane-nsd-')));
    await writeFile(server.path('nsd.conf'), server.configuration());
    await server.publish(records);
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** From when this settles, exactly these records exist. */
  async publish(records: readonly MemoryRecord[]): Promise<void> {
    this.serial += 1;
    const marker: MemoryRecord = { name: 'serial.test', type: 'TXT', value: String(this.serial) };
    await writeFile(this.path('root.zone'), zoneOf([...records, marker], this.serial));
    if (this.child === null)
      this.child = spawn('nsd', ['-d', '-c', this.path('nsd.conf')], { stdio: 'ignore', detached: true });
    else this.child.kill('SIGHUP');
    const resolver = createResolver({ servers: [this.address], timeoutMs: 500 });
    await until('the name server has the zone', async () => {
      if (this.child?.exitCode !== null) throw new Error(`nsd has ended: is it installed? ${await this.lastWords()}`);
      const found = await resolver.txt('serial.test');
      return found.kind === 'found' && found.records[0] === marker.value;
    });
  }

  /** It answers nothing, until `resume`. */
  suspend(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  async stop(): Promise<void> {
    this.resume();
    const child = this.child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  /** What it has written to its log; a port that is taken is found there. */
  private lastWords(): Promise<string> {
    return readFile(this.path('nsd.log'), 'utf8').catch(() => 'It wrote nothing.');
  }

  /** To it and its children, which are those that answer. */
  private signal(name: NodeJS.Signals): void {
    const pid = this.child?.pid;
    if (pid !== undefined && this.child?.exitCode === null) process.kill(-pid, name);
  }

  private path(file: string): string {
    return join(this.directory, file);
  }

  private configuration(): string {
    const inDirectory = (option: string, file: string) => `  ${option}: "${this.path(file)}"\n`;
    return (
      `server:\n  ip-address: 127.0.0.1@${this.port}\n  username: ""\n  chroot: ""\n  database: ""\n  server-count: 1\n` +
      '  rrl-ratelimit: 0\n' +
      inDirectory('zonesdir', '') +
      inDirectory('pidfile', 'nsd.pid') +
      inDirectory('logfile', 'nsd.log') +
      inDirectory('xfrdfile', 'xfrd.state') +
      inDirectory('zonelistfile', 'zone.list') +
      inDirectory('xfrdir', '') +
      `remote-control:\n  control-enable: no\nzone:\n  name: "."\n  zonefile: "${this.path('root.zone')}"\n`
    );
  }
}

const zoneOf = (records: readonly MemoryRecord[], serial: number): string =>
  [
    '$TTL 1',
    `. IN SOA ns.test. hostmaster.test. ${serial} 3600 600 86400 1`,
    '. IN NS ns.test.',
    'ns.test. IN A 127.0.0.1',
    ...records.map(({ name, type, value }) => `${name}. IN ${type} ${dataOf(type, value)}`),
    '',
  ].join('\n');

function dataOf(type: MemoryRecord['type'], value: string): string {
  if (type === 'A' || type === 'AAAA') return value;
  if (type !== 'TXT') return `${value}.`;
  const parts: string[] = [];
  for (let at = 0; at < value.length; at += STRING_BYTES_MAX) parts.push(value.slice(at, at + STRING_BYTES_MAX));
  return parts.map((part) => `"${part.replace(/["\\]/g, '\\$&')}"`).join(' ');
}

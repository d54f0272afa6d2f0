import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../src/infra/ports.ts';

const START_DEADLINE_MS = 10_000;

/** A redis-server of a test's own, on a free port of 127.0.0.1, that keeps nothing on disk. */
export class RedisServer {
  readonly port: number;
  private child: ChildProcess | null = null;
  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const child = spawn(
      'redis-server',
      ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      {
        stdio: 'ignore',
      },
    );
    await once(child, 'spawn');
    this.child = child;
    const client = new Redis(this.port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => 20 });
    client.on('error', () => undefined);
    const deadline = sleep(START_DEADLINE_MS, undefined, { ref: false }).then(() => {
      throw new Error('redis-server did not start');
    });
    await Promise.race([client.ping(), deadline]).finally(() => client.disconnect());
  }

  /** Kills it with -9; what it knew is gone. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** It accepts connections and answers nothing, until `resume`. */
  suspend(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }
}

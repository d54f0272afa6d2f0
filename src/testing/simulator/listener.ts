import { createServer, type Server, type Socket } from 'node:net';
import { PostlaneError } from '../../domain/error.ts';
import { Conversation } from './conversation.ts';
import { Connection, type Setting } from './setting.ts';
import { Wire } from './wire.ts';

/** A port that was free a moment ago is free again, once the system has noticed. */
const REOPEN_TRIES_MAX = 50;
const REOPEN_PAUSE_MS = 20;

/** One listening port. */
export class Listener {
  private readonly host: string;
  private readonly ownSite: string | null;
  private readonly setting: Setting;
  private readonly sockets = new Set<Socket>();
  private server: Server | null = null;
  private boundPort = 0;
  private isStopped = false;
  /** Opening and closing, one after the other. */
  private changes: Promise<void> = Promise.resolve();

  /** `ownSite`: the site that the port belongs to; null: all sites without one of their own. */
  constructor(host: string, ownSite: string | null, setting: Setting) {
    this.host = host;
    this.ownSite = ownSite;
    this.setting = setting;
  }

  get port(): number {
    return this.boundPort;
  }

  async open(port: number): Promise<void> {
    this.server = await this.listen(port);
    this.boundPort = (this.server.address() as { port: number }).port;
  }

  /** Whether somebody listens. Where nobody is to, open connections are reset, as those of a host that has gone. */
  setListening(isListening: boolean): Promise<void> {
    this.changes = this.changes.catch(() => undefined).then(() => (isListening ? this.reopen() : this.refuse()));
    return this.changes;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.changes.catch(() => undefined);
    await this.refuse();
  }

  private async refuse(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  private async reopen(): Promise<void> {
    for (let tries = 1; this.server === null && !this.isStopped; tries++) {
      try {
        this.server = await this.listen(this.boundPort);
      } catch (cause) {
        if (tries === REOPEN_TRIES_MAX) {
          throw new PostlaneError('INFRA_UNAVAILABLE', { what: 'port was taken', port: this.boundPort }, { cause });
        }
        await new Promise((resolve) => setTimeout(resolve, REOPEN_PAUSE_MS));
      }
    }
  }

  private listen(port: number): Promise<Server> {
    const server = createServer({ noDelay: true }, (socket) => this.accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: this.host, port, backlog: 1_024 }, () => {
        server.removeListener('error', reject);
        // Such as too many open files: the connection fails, the simulator goes on.
        server.on('error', () => undefined);
        resolve(server);
      });
    });
  }

  private accept(socket: Socket): void {
    const { setting } = this;
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    setting.totals.connections++;
    setting.totals.connectionsOpen++;
    setting.totals.connectionsPeak = Math.max(setting.totals.connectionsPeak, setting.totals.connectionsOpen);
    const wire = new Wire(socket, setting.idleMs);
    const connection = new Connection(socket.remoteAddress ?? '', this.ownSite);
    const isSecure = setting.tls === 'implicit' && setting.secureContext !== null;
    const conversation = new Conversation(wire, setting, connection, isSecure);
    if (setting.tls === 'implicit' && setting.secureContext !== null) {
      wire.start(conversation);
      wire.secure(setting.secureContext, () => conversation.greet());
      return;
    }
    conversation.greet();
    wire.start(conversation);
  }
}

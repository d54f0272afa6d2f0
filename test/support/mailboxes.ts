import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/infra/ports.ts';
import { listens } from '../../src/infra/probes.ts';
import { until } from './until.ts';

/** Whom a process that runs as root reads mail as, since Dovecot does not do it as root. */
const NOBODY = 65_534;
const PASSWORD = 'a password of a seed mailbox';

/** A real IMAP server (Dovecot) of a test's own, with mailboxes that the test puts mail into. */
export class Mailboxes {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly password = PASSWORD;
  private readonly directory: string;
  private readonly user: number;
  private child: ChildProcess | null = null;
  private mails = 0;

  private constructor(port: number, directory: string) {
    this.port = port;
    this.directory = directory;
    const own = process.getuid?.() ?? 0;
    this.user = own === 0 ? NOBODY : own;
  }

  /** With mailboxes of these names. */
  static async start(names: readonly string[]): Promise<Mailboxes> {
    const server = new Mailboxes(await freePort(), await mkdtemp(join(tmpdir(), 'postlane-imap-')));
    await chmod(server.directory, 0o755);
    for (const name of names) for (const folder of ['', '.Junk', '.Promotions']) await server.makeFolder(name, folder);
    await writeFile(server.path('users'), names.map((name) => `${name}:{PLAIN}${PASSWORD}\n`).join(''));
    await chmod(server.path('users'), 0o644);
    await writeFile(server.path('dovecot.conf'), server.configuration());
    server.child = spawn('dovecot', ['-F', '-c', server.path('dovecot.conf')], { stdio: 'ignore' });
    await until('the IMAP server', async () => {
      if (server.child?.exitCode !== null) {
        throw new Error(
          `dovecot has ended: ${await readFile(server.path('log'), 'utf8').catch(() => 'is it installed?')}`,
        );
      }
      return listens({ host: server.host, port: server.port });
    });
    return server;
  }

  /** Puts a mail into a folder, as if it had been delivered there: '' is the inbox. */
  async deliver(name: string, folder: '' | '.Junk' | '.Promotions', mail: string): Promise<void> {
    const file = join(this.path('mail'), name, folder, 'new', `${Date.now()}.M${++this.mails}.test`);
    await writeFile(file, mail);
    await chown(file, this.user, this.user);
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  private async makeFolder(name: string, folder: string): Promise<void> {
    const at = join(this.path('mail'), name, folder);
    for (const part of ['', 'cur', 'new', 'tmp']) {
      await mkdir(join(at, part), { recursive: true });
      await chown(join(at, part), this.user, this.user);
    }
  }

  private path(file: string): string {
    return join(this.directory, file);
  }

  private configuration(): string {
    return `
base_dir = ${this.path('run')}
log_path = ${this.path('log')}
protocols = imap
listen = ${this.host}
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_uid = ${this.user}
mail_gid = ${this.user}
mail_location = maildir:${this.path('mail')}/%u
auth_failure_delay = 0
service imap-login {
  inet_listener imap {
    port = ${this.port}
  }
  inet_listener imaps {
    port = 0
  }
}
passdb {
  driver = passwd-file
  args = ${this.path('users')}
}
userdb {
  driver = static
  args = uid=${this.user} gid=${this.user} home=${this.path('mail')}/%u
}
namespace inbox {
  inbox = yes
  separator = .
  mailbox Junk {
    special_use = \\Junk
  }
}
`;
  }
}

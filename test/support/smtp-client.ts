import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** A conversation with a mail server that waits for each reply, and writes exactly what it is told. */
export class SmtpClient {
  private socket: net.Socket;
  private text = '';

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.hear();
  }

  /** Connects and takes the greeting. */
  static async open(port: number): Promise<SmtpClient> {
    const socket = net.connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const client = new SmtpClient(socket);
    await client.reply();
    return client;
  }

  /** The same, with TLS from the first byte on, whoever the server is. */
  static async openSecure(port: number): Promise<SmtpClient> {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const client = new SmtpClient(socket);
    await client.reply();
    return client;
  }

  /** Greets, goes over to TLS whoever the server is, and greets again. Answers the capabilities. */
  async secure(): Promise<string> {
    await this.say('EHLO app.shop.example');
    await this.say('STARTTLS');
    this.socket.removeAllListeners();
    const socket = tls.connect({ socket: this.socket, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    this.socket = socket;
    this.text = '';
    this.hear();
    return this.say('EHLO app.shop.example');
  }

  login(password: string, user = 'postlane'): Promise<string> {
    return this.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`);
  }

  /** Up to the reply to DATA, or the first refusal. */
  async begin(recipients: readonly string[], from = 'app@shop.example'): Promise<string> {
    const commands = [`MAIL FROM:<${from}>`, ...recipients.map((recipient) => `RCPT TO:<${recipient}>`)];
    for (const command of commands) {
      const reply = await this.say(command);
      if (!reply.startsWith('250')) return reply;
    }
    return this.say('DATA');
  }

  /** A whole mail, its dots stuffed. Answers the last reply. */
  async send(recipients: readonly string[], message: string): Promise<string> {
    const begun = await this.begin(recipients);
    if (!begun.startsWith('354')) return begun;
    this.write(`${message.replace(/^\./gm, '..')}\r\n.\r\n`);
    return this.reply();
  }

  say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  write(text: string): void {
    this.socket.write(text, 'utf8');
  }

  /** The next whole reply; `closed` where none comes any more. */
  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(this.text);
      if (found) {
        this.text = this.text.slice(found[0].length);
        return found[0].trim();
      }
      if (this.socket.destroyed || this.socket.readableEnded) return 'closed';
      const heard = new AbortController();
      const { signal } = heard;
      const next = [once(this.socket, 'data', { signal }), once(this.socket, 'close', { signal })];
      await Promise.race(next);
      heard.abort();
      await Promise.allSettled(next);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private hear(): void {
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk) => {
      this.text += chunk;
    });
    this.socket.on('error', () => undefined);
  }
}

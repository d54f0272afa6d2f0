import { once } from 'node:events';
import net from 'node:net';
import { systemClock } from '../../../src/host/clock.ts';
import { type InboundMail, InboundServer, type InboundServerOptions } from '../../../src/smtp/inbound-server.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';

let server: InboundServer;
let telemetry: RecordingTelemetry;
let taken: InboundMail[];
/** What keeping a mail waits for, or fails with. */
let keep: () => Promise<void>;

async function start(over: Partial<InboundServerOptions> = {}): Promise<void> {
  telemetry = new RecordingTelemetry();
  taken = [];
  keep = () => Promise.resolve();
  server = await InboundServer.start({
    host: '127.0.0.1',
    port: 0,
    hostname: 'mx.shop.example',
    tls: null,
    mailBytesMax: 50_000,
    keptBytesMax: 20_000,
    connectionsMax: 3,
    accepts: (recipient) => recipient.startsWith('b+'),
    take: async (mail) => {
      await keep();
      taken.push(mail);
    },
    clock: systemClock,
    telemetry,
    ...over,
  });
}

afterEach(() => server.stop({ withinMs: 1_000 }));

/** A conversation that waits for each reply. */
class Client {
  private readonly socket: net.Socket;
  private text = '';
  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      this.text += chunk;
    });
    socket.on('error', () => undefined);
  }
  static async open(): Promise<Client> {
    const socket = net.connect({ host: '127.0.0.1', port: server.port });
    await once(socket, 'connect');
    const client = new Client(socket);
    await client.reply();
    return client;
  }
  /** The next whole reply. */
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
  write(text: string): void {
    this.socket.write(text, 'latin1');
  }
  say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }
  /** Up to the reply to DATA. */
  async begin(recipients: readonly string[], from = ''): Promise<string> {
    await this.say('EHLO mx.inbox.example');
    await this.say(`MAIL FROM:<${from}>`);
    for (const recipient of recipients) await this.say(`RCPT TO:<${recipient}>`);
    return this.say('DATA');
  }
  close(): void {
    this.socket.destroy();
  }
}

const what = (name: string): number => telemetry.sum(`postlane_inbound_mails_total${JSON.stringify({ what: name })}`);

describe('the return path', () => {
  it('takes a notice for an address of ours, and says so only once it is kept', async () => {
    await start();
    let kept: () => void = () => undefined;
    keep = () =>
      new Promise((resolve) => {
        kept = resolve;
      });
    const client = await Client.open();
    expect(await client.begin(['b+abc@bounces.shop.example'])).toMatch(/^354/);
    client.write('Subject: bounce\r\n\r\n..dot\r\n.\r\n');
    let answered = false;
    const reply = client.reply().then((text) => {
      answered = true;
      return text;
    });
    // Another conversation makes sure that the first one had its chance to be answered.
    const other = await Client.open();
    await other.say('NOOP');
    expect(answered).toBe(false);
    kept();
    expect(await reply).toMatch(/^250/);
    expect(taken).toMatchObject([{ recipients: ['b+abc@bounces.shop.example'], sender: '', peer: '127.0.0.1' }]);
    expect(Buffer.from(taken[0]?.bytes ?? []).toString()).toBe('Subject: bounce\r\n\r\n.dot\r\n');
    expect(what('taken')).toBe(1);
    client.close();
    other.close();
  });

  it('takes mail for no other address, and relays for nobody', async () => {
    await start();
    const client = await Client.open();
    await client.say('EHLO x');
    await client.say('MAIL FROM:<>');
    expect(await client.say('RCPT TO:<ada@inbox.example>')).toMatch(/^550/);
    expect(await client.say('RCPT TO:<b@bounces.shop.example>')).toMatch(/^550/);
    expect(await client.say('DATA')).toMatch(/^5/);
    expect(what('unknown-recipient')).toBe(2);
    expect(await client.say('AUTH PLAIN AGEAYg==')).toMatch(/^5/);
    client.close();
  });

  it('tells the sender to come again while it cannot be kept', async () => {
    await start();
    keep = () => Promise.reject(new Error('the broker is away'));
    const client = await Client.open();
    await client.begin(['b+abc@x.example']);
    client.write('x\r\n.\r\n');
    expect(await client.reply()).toMatch(/^451/);
    expect(taken).toEqual([]);
    keep = () => Promise.resolve();
    await client.begin(['b+abc@x.example']);
    client.write('x\r\n.\r\n');
    expect(await client.reply()).toMatch(/^250/);
    client.close();
  });

  it('refuses what is too large, announced or not, and keeps no more than the beginning of the rest', async () => {
    await start();
    const client = await Client.open();
    await client.say('EHLO x');
    expect(await client.say('MAIL FROM:<> SIZE=60000')).toMatch(/^552/);
    await client.begin(['b+abc@x.example']);
    client.write(`${'x'.repeat(70)}\r\n`.repeat(1_000));
    client.write('.\r\n');
    expect(await client.reply()).toMatch(/^552/);
    await client.begin(['b+abc@x.example']);
    client.write(`${'x'.repeat(70)}\r\n`.repeat(500));
    client.write('.\r\n');
    expect(await client.reply()).toMatch(/^250/);
    expect(taken.map(({ bytes }) => bytes.length)).toEqual([20_000]);
    client.close();
  });

  it('ends a mail at CRLF dot CRLF only', async () => {
    await start();
    const client = await Client.open();
    await client.begin(['b+abc@x.example']);
    client.write('a\n.\nMAIL FROM:<>\n.\r\nb\r\n.\r\n');
    expect(await client.reply()).toMatch(/^250/);
    expect(taken).toHaveLength(1);
    client.close();
  });

  it('bounds recipients of a mail and connections', async () => {
    await start();
    const client = await Client.open();
    await client.say('EHLO x');
    await client.say('MAIL FROM:<>');
    for (let n = 0; n < 100; n++) expect(await client.say(`RCPT TO:<b+${n}@x.example>`)).toMatch(/^250/);
    expect(await client.say('RCPT TO:<b+100@x.example>')).toMatch(/^452/);
    const others = await Promise.all([Client.open(), Client.open()]);
    const late = net.connect({ host: '127.0.0.1', port: server.port });
    const [greeting] = (await once(late, 'data')) as [Buffer];
    expect(greeting.toString()).toMatch(/^421/);
    late.destroy();
    for (const one of [client, ...others]) one.close();
  });

  it('lets the mail that it is taking end when it stops, and begins no other', async () => {
    await start();
    let kept: () => void = () => undefined;
    const [client, second] = await Promise.all([Client.open(), Client.open()]);
    const began = new Promise<void>((resolve) => {
      keep = () =>
        new Promise((end) => {
          kept = end;
          resolve();
        });
    });
    await client.begin(['b+abc@x.example']);
    client.write('x\r\n.\r\n');
    await began;
    const stopped = server.stop({ withinMs: 5_000 });
    await second.begin(['b+def@x.example']);
    second.write('x\r\n.\r\n');
    expect(await second.reply()).toMatch(/^421|closed/);
    kept();
    expect(await client.reply()).toMatch(/^250/);
    await stopped;
    expect(taken).toHaveLength(1);
    await expect(Client.open()).rejects.toThrow();
    client.close();
    second.close();
  });

  it('names the port that it cannot have', async () => {
    await start();
    await expect(start({ port: server.port })).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE' });
  });
});

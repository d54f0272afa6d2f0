import { once } from 'node:events';
import net from 'node:net';
import { systemClock } from '../../../src/host/clock.ts';
import { selfSigned, yearFrom } from '../../../src/secrets/self-signed.ts';
import {
  SubmissionServer,
  type SubmissionServerOptions,
  type SubmittedMail,
} from '../../../src/smtp/submission-server.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { SmtpClient } from '../../support/smtp-client.ts';

const { key, cert } = selfSigned({ names: ['localhost'], ...yearFrom(Date.now()) });
const MAIL = 'From: app@shop.example\r\n\r\nhello';

let server: SubmissionServer<string>;
let telemetry: RecordingTelemetry;
let taken: (SubmittedMail & { readonly caller: string })[];
/** What keeping a mail waits for, or fails with. */
let keep: () => Promise<void>;
const clients: SmtpClient[] = [];

async function start(over: Partial<SubmissionServerOptions<string>> = {}): Promise<void> {
  telemetry = new RecordingTelemetry();
  taken = [];
  keep = () => Promise.resolve();
  server = await SubmissionServer.start<string>({
    host: '127.0.0.1',
    port: 0,
    hostname: 'smtp.shop.example',
    tls: { key, certificate: cert, mode: 'starttls' },
    mailBytesMax: 50_000,
    recipientsMax: 3,
    connectionsMax: 4,
    connectionsPerAddressMax: 3,
    heldBytesMax: 60_000,
    login: (password) =>
      password === 'right' ? { ok: true, caller: password } : { ok: false, answer: { code: 535, text: '5.7.8 no' } },
    admit: async () => null,
    recipientFault: (address) => (address.endsWith('example') ? null : { code: 553, text: '5.1.3 no address' }),
    take: async (caller, mail) => {
      await keep();
      taken.push({ ...mail, caller });
      return { code: 250, text: '2.6.0 accepted: 1' };
    },
    clock: systemClock,
    telemetry,
    ...over,
  });
}

const open = async (): Promise<SmtpClient> => {
  const client = await SmtpClient.open(server.port);
  clients.push(client);
  return client;
};
const loggedIn = async (): Promise<SmtpClient> => {
  const client = await open();
  await client.secure();
  expect(await client.login('right')).toMatch(/^235/);
  return client;
};
const refused = (what: string) => telemetry.sum(`postlane_submission_refusals_total${JSON.stringify({ what })}`);

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.stop({ withinMs: 1_000 });
});

describe('SMTP submission', () => {
  it('takes a mail of a client that logged in over TLS, and says so only once it is kept', async () => {
    await start();
    let kept: () => void = () => undefined;
    keep = () =>
      new Promise((resolve) => {
        kept = resolve;
      });
    const client = await loggedIn();
    expect(await client.begin(['ada@inbox.example', 'bob@inbox.example'])).toMatch(/^354/);
    client.write(`${MAIL}\r\n..dot\r\n.\r\n`);
    let answered = false;
    const reply = client.reply().then((text) => {
      answered = true;
      return text;
    });
    // Another conversation makes sure that the first one had its chance to be answered.
    await (await open()).say('NOOP');
    expect(answered).toBe(false);
    kept();
    expect(await reply).toBe('250 2.6.0 accepted: 1');
    expect(taken).toMatchObject([{ caller: 'right', recipients: ['ada@inbox.example', 'bob@inbox.example'] }]);
    expect(taken[0]?.bytes.toString()).toBe(`${MAIL}\r\n.dot\r\n`);
  });

  it('offers no log-in in the clear, and takes no key and no mail there', async () => {
    await start();
    const client = await open();
    expect(await client.say('EHLO x')).not.toMatch(/AUTH/);
    expect(await client.login('right')).toMatch(/^5/);
    expect(await client.say('MAIL FROM:<a@b.example>')).toBe('530 5.7.0 Must issue a STARTTLS command first');
    const capabilities = await client.secure();
    expect(capabilities).toMatch(/AUTH PLAIN LOGIN/);
    expect(capabilities).toMatch(/SIZE 50000/);
    expect(capabilities).not.toMatch(/STARTTLS|DSN|REQUIRETLS/);
    expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^530/);
  });

  it('listens with TLS from the first byte on where it is told to', async () => {
    await start({ tls: { key, certificate: cert, mode: 'implicit' } });
    const client = await SmtpClient.openSecure(server.port);
    clients.push(client);
    const capabilities = await client.say('EHLO x');
    expect(capabilities).toMatch(/AUTH PLAIN LOGIN/);
    expect(capabilities).not.toMatch(/STARTTLS/);
    expect(await client.say('STARTTLS')).toMatch(/^50/);
    expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^530/);
    expect(await client.login('wrong')).toBe('535 5.7.8 no');
    expect(await client.login('right')).toMatch(/^235/);
    expect(await client.send(['ada@inbox.example'], MAIL)).toMatch(/^250/);
    expect(taken).toMatchObject([{ caller: 'right', recipients: ['ada@inbox.example'] }]);
    // In the clear it says nothing, and takes nothing.
    const clear = net.connect({ host: '127.0.0.1', port: server.port });
    const heard: Buffer[] = [];
    clear.on('data', (chunk) => heard.push(chunk)).on('error', () => undefined);
    clear.write('EHLO x\r\nMAIL FROM:<a@b.example>\r\n');
    await once(clear, 'close');
    expect(Buffer.concat(heard).toString('latin1')).not.toMatch(/^\d{3}[ -]/m);
    expect(taken).toHaveLength(1);
  });

  it('forgets at TLS what was said in the clear, and runs nothing that was slipped in behind STARTTLS', async () => {
    await start();
    const client = await open();
    await client.say('EHLO x');
    client.write('STARTTLS\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<ada@inbox.example>\r\n');
    expect(await client.reply()).toMatch(/^220/);
    const other = await loggedIn();
    expect(await other.say('RCPT TO:<ada@inbox.example>')).toMatch(/^503/);
  });

  it('knows PLAIN and LOGIN, refuses a wrong password, and ends the connection after a few', async () => {
    await start();
    const client = await open();
    await client.secure();
    expect(await client.say('AUTH LOGIN')).toMatch(/^334/);
    expect(await client.say(Buffer.from('anybody').toString('base64'))).toMatch(/^334/);
    expect(await client.say(Buffer.from('wrong').toString('base64'))).toBe('535 5.7.8 no');
    expect(await client.say('AUTH CRAM-MD5')).toMatch(/^504/);
    for (let n = 0; n < 3; n++) expect(await client.login('wrong')).toMatch(/^535/);
    expect(await client.login('wrong')).toMatch(/^421/);
    expect(await client.reply()).toBe('closed');
    expect(refused('login')).toBe(5);
  });

  it('asks before each mail whether the caller may go on', async () => {
    const answers = [null, { code: 450, text: '4.7.1 too fast' }, { code: 535, text: '5.7.8 revoked' }, null];
    await start({ admit: async () => answers.shift() ?? null });
    const client = await loggedIn();
    expect(await client.send(['ada@inbox.example'], MAIL)).toMatch(/^250/);
    expect(await client.begin(['ada@inbox.example'])).toBe('450 4.7.1 too fast');
    expect(await client.begin(['ada@inbox.example'])).toBe('535 5.7.8 revoked');
    expect(await client.send(['ada@inbox.example'], MAIL)).toMatch(/^250/);
  });

  it('tells the client to come again while a mail cannot be kept, and what was refused for good', async () => {
    await start();
    const client = await loggedIn();
    keep = () => Promise.reject(new Error('a bug'));
    expect(await client.send(['ada@inbox.example'], MAIL)).toMatch(/^451 4\.3\.0/);
    keep = () => Promise.resolve();
    expect(await client.send(['ada@inbox.example'], MAIL)).toMatch(/^250/);
    await client.say('RSET');
    await client.say('MAIL FROM:<a@b.example>');
    expect(await client.say('RCPT TO:<ada@inbox.test>')).toBe('553 5.1.3 no address');
    expect(await client.say('DATA')).toMatch(/^503/);
  });

  it('bounds the size of a mail, announced or not, and of all that are held', async () => {
    await start();
    const line = `${'x'.repeat(70)}\r\n`;
    const client = await loggedIn();
    expect(await client.say('MAIL FROM:<a@b.example> SIZE=60000')).toMatch(/^552/);
    expect(await client.send(['ada@inbox.example'], line.repeat(1_000))).toMatch(/^552/);
    let kept: () => void = () => undefined;
    const began = new Promise<void>((resolve) => {
      keep = () =>
        new Promise((end) => {
          kept = end;
          resolve();
        });
    });
    const other = await loggedIn();
    const first = client.send(['ada@inbox.example'], line.repeat(600));
    await began;
    expect(await other.send(['ada@inbox.example'], line.repeat(600))).toMatch(/^452 4\.3\.1/);
    kept();
    expect(await first).toMatch(/^250/);
    keep = () => Promise.resolve();
    expect(await other.send(['ada@inbox.example'], line.repeat(600))).toMatch(/^250/);
  });

  it('bounds recipients and connections', async () => {
    await start();
    const client = await loggedIn();
    await client.say('MAIL FROM:<a@b.example>');
    for (let n = 0; n < 3; n++) expect(await client.say(`RCPT TO:<a${n}@x.example>`)).toMatch(/^250/);
    expect(await client.say('RCPT TO:<a3@x.example>')).toMatch(/^452/);
    await open();
    await open();
    const late = await open();
    expect(await late.say('EHLO x')).toBe('closed');
    expect(refused('too-many-connections')).toBe(1);
  });

  it('ends a mail at CRLF dot CRLF only, however the bytes come', async () => {
    await start();
    const client = await loggedIn();
    await client.begin(['ada@inbox.example']);
    for (const byte of `a\n.\nb\r\n.\rc\n.\r\nMAIL FROM:<x@y.example>\r\n..\r\n.\r`) client.write(byte);
    client.write('\n');
    expect(await client.reply()).toMatch(/^250/);
    expect(taken.map(({ bytes }) => bytes.toString())).toEqual([
      'a\n.\nb\r\n.\rc\n.\r\nMAIL FROM:<x@y.example>\r\n.\r\n',
    ]);
  });

  it('lets the mail that it is taking end when it stops, and begins no other', async () => {
    await start();
    let kept: () => void = () => undefined;
    const began = new Promise<void>((resolve) => {
      keep = () =>
        new Promise((end) => {
          kept = end;
          resolve();
        });
    });
    const [client, second] = [await loggedIn(), await loggedIn()];
    const sending = client.send(['ada@inbox.example'], MAIL);
    await began;
    const stopped = server.stop({ withinMs: 5_000 });
    expect(await second.begin(['ada@inbox.example'])).toMatch(/^421/);
    kept();
    expect(await sending).toMatch(/^250/);
    await stopped;
    expect(taken).toHaveLength(1);
    await expect(open()).rejects.toThrow();
  });

  it('names the port that it cannot have', async () => {
    await start();
    const { port } = server;
    const first = server;
    await expect(start({ port })).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE' });
    server = first;
  });
});

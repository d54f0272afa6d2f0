import { X509Certificate } from 'node:crypto';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/testing/simulator/index.ts';
import { GREETING, greeted, messageOf, RawClient, until } from './raw-client.ts';

const clients: RawClient[] = [];
const simulators: Simulator[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const simulator of simulators.splice(0)) await simulator.stop();
});

async function start(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  simulators.push(simulator);
  return simulator;
}

const keep = <T extends RawClient>(client: T): T => {
  clients.push(client);
  return client;
};
const clientOf = async (simulator: Simulator): Promise<RawClient> => keep(await greeted(simulator.smtpPort));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('commands', () => {
  it('come in groups, and so do the replies', async () => {
    const client = await clientOf(await start());
    client.send(
      'MAIL FROM:<a@x.test> BODY=8BITMIME SIZE=10\r\nRCPT TO:<b@x.test>\r\nRCPT TO:<reject@x.test>\r\nDATA\r\n',
    );
    expect(await client.take(/354.*\r\n/)).toMatch(/^250 2\.1\.0 OK\r\n250 2\.1\.5 OK\r\n550 5\.1\.1 [^\r]*\r\n354 /);
    client.send(`${messageOf('one')}.\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nRSET\r\nQUIT\r\n`);
    expect(await client.take(/221.*\r\n/)).toMatch(
      /^250 2\.0\.0 Taken as 0\r\n250 .*\r\n250 .*\r\n250 .*\r\n221 2\.0\.0 Bye\r\n$/,
    );
    expect(await client.ended()).toBe('end');
  });

  it('may come octet by octet', async () => {
    const simulator = await start();
    const client = await clientOf(simulator);
    for (const octet of `MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n`) client.send(octet);
    await client.take(/354.*\r\n/);
    for (const octet of `${messageOf('one')}.\r\n`) client.send(octet);
    expect(await client.take()).toMatch(/^250 /);
    expect(simulator.journal()).toMatchObject([{ jobId: 'one', bytes: messageOf('one').length }]);
  });

  it.each([
    ['MAIL FROM:a@x.test', '501 5.5.4 MAIL FROM:<path> is expected'],
    ['MAIL FROM: <a@x.test>', '501 5.5.4 MAIL FROM:<path> is expected'],
    ['MAIL FROM:<a>', '501 5.1.7 That is no address'],
    ['MAIL FROM:<a@x.test> RET=FULL', '555 5.5.4 Unknown parameter RET'],
    ['MAIL FROM:<a@x.test> BODY=BINARYMIME', '555 5.5.4 Unknown parameter BODY'],
    ['MAIL FROM:<a@x.test> SIZE=99999999999', '552 5.3.4 Message is too big'],
    ['MAIL FROM:<\xc3\xa9@x.test>', '553 5.6.7 That address needs SMTPUTF8'],
    ['RCPT TO:<a@x.test>', '503 5.5.1 MAIL first'],
    ['DATA', '503 5.5.1 MAIL first'],
    ['STARTTLS', '502 5.5.1 No STARTTLS here'],
    ['AUTH PLAIN', '502 5.5.1 No AUTH here'],
    ['EHLO', '501 5.5.4 A name is needed'],
    ['EHLO a b', '501 5.5.4 A name is needed'],
    ['TURN', '500 5.5.2 Unknown command'],
    ['VRFY a', '252 2.5.2 Try it and see'],
    ['noop', '250 2.0.0 OK'],
  ])('%s', async (command, reply) => {
    const client = await clientOf(await start());
    expect(await client.say(command)).toEqual([`${reply}\r\n`]);
  });

  it.each([
    ['RCPT TO:<a@x.test', '501 5.5.4 RCPT TO:<path> is expected'],
    ['RCPT TO:<a>', '501 5.1.3 That is no address'],
    ['RCPT TO:<@x.test>', '501 5.1.3 That is no address'],
    ['RCPT TO:<a@x y>', '501 5.1.3 That is no address'],
    ['RCPT TO:<a@x.test> NOTIFY=NEVER', '555 5.5.4 Unknown parameter'],
    ['RCPT TO:<\xc3\xa9@x.test>', '553 5.6.7 That address needs SMTPUTF8'],
    ['RCPT TO:<"a> b"@x.test>', '250 2.1.5 OK'],
    ['MAIL FROM:<a@x.test>', '503 5.5.1 MAIL was said already'],
  ])('%s after MAIL', async (command, reply) => {
    const client = await clientOf(await start());
    expect(await client.say('MAIL FROM:<a@x.test>', command)).toEqual(['250 2.1.0 OK\r\n', `${reply}\r\n`]);
  });

  it('need EHLO before MAIL, and may be HELO', async () => {
    const simulator = await start();
    const client = keep(new RawClient(simulator.smtpPort));
    await client.take(GREETING);
    expect(await client.say('MAIL FROM:<a@x.test>', 'HELO a.test', 'MAIL FROM:<a@x.test>')).toEqual([
      '503 5.5.1 EHLO first\r\n',
      '250 simulator.postlane.test greets a.test\r\n',
      '250 2.1.0 OK\r\n',
    ]);
  });

  it.each([
    ['NOOP\n', '500 5.5.2 Lines end with CR and LF\r\n'],
    ['\n', '500 5.5.2 Lines end with CR and LF\r\n'],
    ['x'.repeat(5_000), '500 5.5.6 Line is too long\r\n'],
    ['STARTTLS\r\nNOOP\r\n', '503 5.5.1 Nothing may follow STARTTLS\r\n'],
  ])('%j ends the connection', async (octets, reply) => {
    const client = await clientOf(await start({ tls: { mode: 'starttls' } }));
    client.send(octets);
    expect(await client.ended()).toBe('end');
    expect(client.received).toBe(reply);
  });

  it('end the connection where the message does not wait for 354', async () => {
    const simulator = await start();
    const client = await clientOf(simulator);
    client.send(`MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n${messageOf('one')}.\r\n`);
    expect(await client.ended()).toBe('end');
    expect(client.received).toMatch(/554 5\.5\.0 Wait for the reply to DATA\r\n$/);
    expect(simulator.stats()).toMatchObject({ messages: 0, protocolErrors: 1 });
  });

  it('are too many errors at some time', async () => {
    const client = await clientOf(await start());
    for (let errors = 0; errors < 20; errors++) client.send('TURN\r\n');
    expect(await client.ended()).toBe('end');
    expect(client.received).toMatch(/421 4\.7\.0 Too many errors\r\n$/);
  });
});

describe('bounds', () => {
  it('holds messages to their size', async () => {
    const simulator = await start({ sizeMax: 1_000, keepRaw: true });
    const client = await clientOf(simulator);
    for (const [lines, reply] of [
      [8, /^250 /],
      [30, /^552 5\.3\.4 /],
      [8, /^250 /],
    ] as const) {
      await client.say('MAIL FROM:<a@x.test>', 'RCPT TO:<b@x.test>', 'DATA');
      client.send(`${messageOf('one', `${'x'.repeat(98)}\r\n`.repeat(lines))}.\r\n`);
      expect(await client.take()).toMatch(reply);
    }
    expect(simulator.stats().messages).toBe(2);
  });

  it('takes so many connections', async () => {
    const simulator = await start({ connectionsMax: 2 });
    const first = await clientOf(simulator);
    await clientOf(simulator);
    const third = keep(new RawClient(simulator.smtpPort));
    expect(await third.ended()).toBe('end');
    expect(third.received).toBe('421 4.3.2 Too many connections\r\n');
    first.close();
    await until(
      () => simulator.stats().connections.open === 1,
      () => 'one connection',
    );
    await clientOf(simulator);
    expect(simulator.stats().connections).toEqual({ open: 2, peak: 3, total: 4 });
  });

  it('takes so many recipients', async () => {
    const client = await clientOf(await start());
    const recipients = Array.from({ length: 101 }, (_, index) => `RCPT TO:<a${index}@x.test>`);
    const replies = await client.say('MAIL FROM:<a@x.test>', ...recipients);
    expect(replies.slice(1, 101).every((reply) => reply.startsWith('250 '))).toBe(true);
    expect(replies[101]).toBe('452 4.5.3 Too many recipients\r\n');
  });

  it('waits so long for a client, friendly or not', async () => {
    // A busy machine may keep both of them from their turn for a while: what the second one says must come in time.
    const simulator = await start({ idleMs: 1_000 });
    const silent = keep(new RawClient(simulator.smtpPort));
    expect(await silent.ended()).toBe('end');
    expect(silent.received).toBe(`${GREETING}421 4.4.2 Nothing came for too long\r\n`);
    const hanging = await clientOf(simulator);
    await hanging.say('MAIL FROM:<a@x.test>');
    hanging.send('RCPT TO:<hang-rcpt@x.test>\r\n');
    expect(await hanging.ended()).toBe('reset');
  });

  it('keeps little of what is sent while a reply waits, and reads the rest after it', async () => {
    const simulator = await start();
    const command = `NOOP ${'x'.repeat(4_000)}\r\n`;
    for (const [address, isAnswered] of [
      ['slow-600000-rcpt@x.test', false],
      ['slow-100-rcpt@x.test', true],
    ] as const) {
      const client = await clientOf(simulator);
      await client.say('MAIL FROM:<a@x.test>');
      client.send(`RCPT TO:<${address}>\r\n${command.repeat(4_000)}`);
      if (isAnswered) {
        const replies = `250 2.1.5 OK\r\n${'250 2.0.0 OK\r\n'.repeat(4_000)}`;
        await until(
          () => client.received.length >= replies.length,
          () => `all replies, not ${client.received.length} octets`,
        );
        expect(client.received).toBe(replies);
      } else {
        await (await clientOf(simulator)).say('NOOP', 'NOOP', 'NOOP');
        expect(client.socket.writableLength).toBeGreaterThan(1_000_000);
      }
    }
  });

  it('drops a client that does not read', async () => {
    const simulator = await start();
    const client = await clientOf(simulator);
    client.socket.pause();
    const hellos = 'EHLO a.test\r\n'.repeat(1_000);
    await until(
      () => {
        if (client.socket.writableLength < 1_000_000) client.send(hellos);
        return simulator.stats().connections.open === 0;
      },
      () => 'the end of the connection',
    );
  });

  it('does not wait for a client that does not close', async () => {
    const simulator = await start();
    const client = keep(new RawClient(simulator.smtpPort, true));
    await client.take(GREETING);
    expect(await client.say('QUIT')).toEqual(['221 2.0.0 Bye\r\n']);
    await until(
      () => simulator.stats().connections.open === 0,
      () => 'the end of the connection',
    );
  });

  it('counts sites and sources one by one up to a number of them', async () => {
    const simulator = await start();
    const client = await clientOf(simulator);
    await client.say('MAIL FROM:<a@x.test>');
    for (let site = 0; site < 1_100; site++) client.send(`RCPT TO:<reject@s${site}.test>\r\n`);
    client.send('QUIT\r\n');
    await until(
      () => simulator.stats().connections.open === 0,
      () => 'the end of the connection',
    );
    const { sites, pairs } = simulator.stats();
    expect(sites).toHaveLength(1_001);
    expect(sites.at(-1)).toMatchObject({ site: '(others)', attempts: 100, connectionsOpen: 0 });
    expect(pairs).toHaveLength(1_001);
  });
});

describe('international addresses', () => {
  it('are taken with SMTPUTF8, and their domain is counted in A-labels', async () => {
    const simulator = await start();
    const client = await clientOf(simulator);
    const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
    await client.say(utf8('MAIL FROM:<a@x.test> SMTPUTF8'), utf8('RCPT TO:<jörg@Bücher.test>'), 'DATA');
    client.send(`${messageOf('one')}.\r\n`);
    expect(await client.take()).toMatch(/^250 /);
    expect(simulator.journal()).toMatchObject([{ recipient: 'jörg@Bücher.test', site: 'xn--bcher-kva.test' }]);
  });

  it('are refused where SMTPUTF8 is not offered', async () => {
    const client = await clientOf(await start({ without: ['SMTPUTF8'] }));
    expect((await client.say('EHLO a.test'))[0]).not.toContain('SMTPUTF8');
    expect(await client.say('MAIL FROM:<a@x.test> SMTPUTF8')).toEqual(['555 5.5.4 Unknown parameter SMTPUTF8\r\n']);
  });
});

describe('TLS', () => {
  it('begins with STARTTLS, under a certificate that can be trusted, and forgets what was said before', async () => {
    const simulator = await start({ tls: { mode: 'starttls', required: true } });
    const client = await clientOf(simulator);
    expect(await client.say('MAIL FROM:<a@x.test>')).toEqual(['530 5.7.0 STARTTLS first\r\n']);
    expect(await client.say('STARTTLS')).toEqual(['220 2.0.0 Go ahead\r\n']);
    await client.secure(simulator.certificate);
    expect(await client.say('MAIL FROM:<a@x.test>')).toEqual(['503 5.5.1 EHLO first\r\n']);
    expect((await client.say('EHLO secure.test'))[0]).not.toContain('STARTTLS');
    await client.say('MAIL FROM:<a@x.test>', 'RCPT TO:<b@x.test>', 'DATA');
    client.send(`${messageOf('one')}.\r\n`);
    expect(await client.take()).toMatch(/^250 /);
    expect(simulator.journal()).toMatchObject([{ jobId: 'one', source: 'secure.test' }]);
  });

  it('is there from the beginning where it is implicit', async () => {
    const simulator = await start({ tls: { mode: 'implicit' } });
    const client = keep(new RawClient(simulator.smtpPort));
    await client.secure(simulator.certificate);
    expect(await client.take()).toBe(GREETING);
    expect((await client.say('EHLO a.test'))[0]).not.toContain('STARTTLS');
  });

  it.each(['cut', 'reset'])('%s-dot@ closes it', async (verb) => {
    const simulator = await start({ tls: { mode: 'implicit' } });
    const client = keep(new RawClient(simulator.smtpPort));
    await client.secure(simulator.certificate);
    await client.take(GREETING);
    for (const line of ['EHLO a.test', 'MAIL FROM:<a@x.test>', `RCPT TO:<${verb}-dot@x.test>`, 'DATA'])
      await client.say(line);
    client.send(`${messageOf('one')}.\r\n`);
    expect(['end', 'reset']).toContain(await client.ended());
    await until(
      () => simulator.stats().connections.open === 0,
      () => 'the end of the connection',
    );
  });

  it('has a certificate for its names, which can have expired', async () => {
    const fresh = new X509Certificate((await start({ tls: { mode: 'starttls' } })).certificate ?? '');
    expect(fresh.checkHost('localhost')).toBe('localhost');
    expect(fresh.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(fresh.checkHost('elsewhere.test')).toBeUndefined();
    expect(fresh.verify(fresh.publicKey)).toBe(true);
    const expired = await start({ tls: { mode: 'implicit', expired: true, names: ['mx.test'] } });
    const certificate = new X509Certificate(expired.certificate ?? '');
    expect(certificate.subject).toBe('CN=mx.test');
    expect(certificate.validToDate.getTime()).toBeLessThan(Date.now());
    const client = keep(new RawClient(expired.smtpPort));
    await expect(client.secure(expired.certificate, 'mx.test')).rejects.toMatchObject({ code: 'CERT_HAS_EXPIRED' });
  });

  it('survives a client that does not speak it', async () => {
    const simulator = await start({ tls: { mode: 'implicit' } });
    const client = keep(new RawClient(simulator.smtpPort));
    client.send('EHLO a.test\r\n');
    await client.ended();
    const other = keep(new RawClient(simulator.smtpPort));
    await other.secure(simulator.certificate);
    expect(await other.take()).toBe(GREETING);
  });
});

describe('AUTH', () => {
  const auth = { user: 'postlane', pass: 's3cret' };
  const right = base64('\0postlane\0s3cret');
  const welcome = '235 2.7.0 Welcome\r\n';
  const wrong = '535 5.7.8 Wrong user or password\r\n';

  it.each([
    [[`AUTH PLAIN ${right}`], welcome],
    [['AUTH PLAIN', right], welcome],
    [['auth plain', right], welcome],
    [['AUTH LOGIN', base64('postlane'), base64('s3cret')], welcome],
    [[`AUTH LOGIN ${base64('postlane')}`, base64('s3cret')], welcome],
    [[`AUTH PLAIN ${base64('\0postlane\0wrong')}`], wrong],
    [[`AUTH PLAIN ${base64('postlane')}`], wrong],
    [['AUTH PLAIN ='], wrong],
    [['AUTH LOGIN', base64('other'), base64('s3cret')], wrong],
    [['AUTH LOGIN', base64('postlane'), base64('wrong')], wrong],
    [['AUTH PLAIN', '*'], '501 5.7.0 Given up\r\n'],
    [['AUTH PLAIN !'], '501 5.5.2 Not base64\r\n'],
    [['AUTH CRAM-MD5'], '504 5.5.4 Unknown mechanism\r\n'],
  ])('%j', async (lines, last) => {
    const client = await clientOf(await start({ auth }));
    const replies = await client.say(...lines);
    expect(replies.at(-1)).toBe(last);
    for (const challenge of replies.slice(0, -1)) expect(challenge).toMatch(/^334 /);
    const reply = last === welcome ? '250 2.1.0 OK\r\n' : '530 5.7.0 AUTH first\r\n';
    expect(await client.say('MAIL FROM:<a@x.test>')).toEqual([reply]);
  });

  it('asks for user and password in words', async () => {
    const client = await clientOf(await start({ auth }));
    expect((await client.say('EHLO a.test'))[0]).toMatch(/^250-AUTH PLAIN LOGIN\r$/m);
    expect(await client.say('AUTH LOGIN', base64('postlane'))).toEqual([
      `334 ${base64('Username:')}\r\n`,
      `334 ${base64('Password:')}\r\n`,
    ]);
  });

  it('happens once', async () => {
    const client = await clientOf(await start({ auth }));
    expect(await client.say(`AUTH PLAIN ${right}`, `AUTH PLAIN ${right}`)).toEqual([welcome, '503 5.5.1 Not now\r\n']);
  });
});

describe('starting and stopping', () => {
  it('ends every connection, whatever it waits for', async () => {
    const simulator = await start();
    const waiting = await Promise.all(
      ['a', 'hang-rcpt', 'slow-600000-rcpt', 'tarpit-rcpt'].map(async (localPart) => {
        const client = await clientOf(simulator);
        await client.say('MAIL FROM:<a@x.test>');
        client.send(`RCPT TO:<${localPart}@x.test>\r\n`);
        return client;
      }),
    );
    await until(
      () => (simulator.stats().sites[0]?.attempts ?? 0) === 4,
      () => 'four recipients',
    );
    await simulator.stop();
    await simulator.stop();
    for (const client of waiting) expect(await client.ended()).toBe('reset');
    expect(simulator.stats().connections.open).toBe(0);
  });

  it('fails where a port is taken, and leaves nothing behind', async () => {
    const { httpPort } = await start();
    await expect(startSimulator({ httpPort })).rejects.toMatchObject({ code: 'INFRA_UNAVAILABLE' });
  });
});

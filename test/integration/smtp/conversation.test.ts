import type { DeliveryOutcome } from '../../../src/domain/reply.ts';
import type { Courier, OutgoingMail } from '../../../src/smtp/mail.ts';
import { courierWith, eventually, failure, limits, mailOf, refusal, sourceAt } from './fixtures.ts';
import { greet, type Peer, type RawServer, rawServer, takeMail, upTo } from './raw-server.ts';

let server: RawServer | null = null;
let courier: Courier;
beforeEach(() => {
  courier = courierWith();
});
afterEach(async () => {
  await courier.close({ withinMs: 0 });
  await server?.close();
  server = null;
});

async function attempt(
  script: (peer: Peer, connection: number) => Promise<void>,
  mail: OutgoingMail = mailOf(),
): Promise<DeliveryOutcome> {
  server = await rawServer(script);
  return courier.deliver(mail, { source: sourceAt(server.port), site: 'google', limits });
}

describe('a refusal', () => {
  it.each([
    ['greeting', 554],
    ['mail', 550],
    ['mail', 451],
    ['rcpt', 550],
    ['rcpt', 450],
    ['data', 554],
    ['dot', 552],
    ['dot', 450],
  ] as const)('at %s with %d names the stage', async (stage, code) => {
    const outcome = await attempt(async (peer) => {
      if (stage === 'mail' || stage === 'rcpt' || stage === 'data') await upTo(peer, stage);
      if (stage === 'dot') {
        await upTo(peer, 'body');
        await peer.message();
      }
      peer.send(`${code} no\r\n`);
      // What was sent along with the refused command is refused as well.
      for (let line = await peer.line(); line !== null; line = await peer.line()) peer.send('503 bad sequence\r\n');
    });
    expect(outcome).toMatchObject({ kind: 'refused', stage, reply: { code, text: 'no' } });
  });

  it('of the recipient leaves the connection usable, and the next mail begins anew', async () => {
    const commands: string[] = [];
    const script = async (peer: Peer): Promise<void> => {
      await greet(peer);
      for (let line = await peer.line(); line !== null; line = await peer.line()) {
        commands.push(line);
        const first = !commands.includes('RSET');
        if (line.startsWith('RCPT') && first) peer.send('550 5.1.1 nobody\r\n');
        else if (line === 'DATA' && first) peer.send('503 5.5.1 no recipient\r\n');
        else if (line === 'DATA') {
          peer.send('354 go on\r\n');
          await peer.message();
          peer.send('250 taken\r\n');
        } else peer.send('250 ok\r\n');
      }
    };
    expect(await attempt(script)).toMatchObject({ kind: 'refused', stage: 'rcpt', reply: { enhancedCode: '5.1.1' } });
    const route = { source: sourceAt(server?.port ?? 0), site: 'google', limits };
    expect(await courier.deliver(mailOf(), route)).toMatchObject({ kind: 'accepted' });
    expect(server?.connections).toBe(1);
    expect(commands.slice(3)).toEqual(['RSET', expect.stringMatching(/^MAIL/), expect.stringMatching(/^RCPT/), 'DATA']);
  });

  it('of the recipient stands although DATA is let through: no message is sent', async () => {
    let received = '';
    const outcome = await attempt(async (peer) => {
      await greet(peer);
      for (const reply of ['250 ok', '550 5.1.1 nobody', '354 go on']) {
        await peer.line();
        peer.send(`${reply}\r\n`);
      }
      for (let line = await peer.line(); line !== null; line = await peer.line()) received += line;
    });
    expect(outcome).toMatchObject(refusal('rcpt', 550));
    expect(received).toBe('');
  });

  it.each([[[]], [['PIPELINING']]])('is told the same with the extensions %j', async (extensions) => {
    const outcome = await attempt(async (peer) => {
      await greet(peer, extensions);
      for (const reply of ['250 ok', '550 nobody', '503 no', '503 no']) {
        if ((await peer.line()) === null) return;
        peer.send(`${reply}\r\n`);
      }
    });
    expect(outcome).toMatchObject(refusal('rcpt', 550));
  });
});

describe('what is sent', () => {
  it('is the envelope in one packet where PIPELINING is offered, one command at a time where it is not', async () => {
    for (const extensions of [['PIPELINING'], []] as const) {
      const packets: string[] = [];
      const outcome = await attempt(async (peer) => {
        await greet(peer, extensions);
        peer.socket.on('data', (chunk) => packets.push(String(chunk)));
        await takeMail(peer);
      });
      expect(outcome.kind).toBe('accepted');
      const [envelope, rcpt] = packets;
      if (extensions.length > 0) expect(envelope).toMatch(/^MAIL FROM:<.*>\r\nRCPT TO:<.*>\r\nDATA\r\n$/);
      else expect([envelope?.slice(0, 4), rcpt?.slice(0, 4)]).toEqual(['MAIL', 'RCPT']);
      await server?.close();
      server = null;
      await courier.close({ withinMs: 0 });
      courier = courierWith();
    }
  });

  it('is the message with its dots doubled', async () => {
    let message: string | null = '';
    await attempt(
      async (peer) => {
        await greet(peer);
        message = await takeMail(peer);
      },
      mailOf({ text: '.first\r\n..\r\n.\r\nlast.\r\n' }),
    );
    expect(message).toBe('..first\r\n...\r\n..\r\nlast.');
  });

  it('names SIZE, BODY and SMTPUTF8 only where they are offered and needed', async () => {
    let mail: string | null = '';
    await attempt(
      async (peer) => {
        await greet(peer, ['SIZE 1000', '8BITMIME', 'SMTPUTF8']);
        mail = await peer.line();
        peer.reset();
      },
      mailOf({ smtputf8: true, eightBit: true, from: null, text: 'Subject: ü\r\n\r\n' }),
    );
    expect(mail).toBe('MAIL FROM:<> SIZE=15 BODY=8BITMIME SMTPUTF8');
  });

  it.each([
    ['no-smtputf8', [], { smtputf8: true }],
    ['no-8bitmime', [], { eightBit: true }],
    ['too-big', ['SIZE 10'], {}],
  ] as const)('is nothing where the mail cannot pass: %s', async (reason, extensions, rest) => {
    const lines: (string | null)[] = [];
    const outcome = await attempt(async (peer) => {
      await greet(peer, extensions);
      lines.push(await peer.line());
    }, mailOf(rest));
    expect(outcome).toMatchObject(failure('mail', reason));
    await courier.close({ withinMs: 0 });
    await eventually(() => lines.length > 0);
    expect(lines).toEqual(['QUIT']);
  });

  it('is HELO to a server that does not know EHLO', async () => {
    const outcome = await attempt(async (peer) => {
      peer.send('220 old\r\n');
      await peer.line();
      peer.send('502 what?\r\n');
      expect(await peer.line()).toBe('HELO client.example');
      peer.send('250 old\r\n');
      await takeMail(peer);
    });
    expect(outcome.kind).toBe('accepted');
  });
});

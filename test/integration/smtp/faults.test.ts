import type { DeliveryOutcome } from '../../../src/domain/reply.ts';
import type { Courier, OutgoingMail } from '../../../src/smtp/mail.ts';
import { courierWith, eventually, IMPATIENT, limits, mailOf, sourceAt } from './fixtures.ts';
import { greet, type Peer, type RawServer, rawServer, takeMail } from './raw-server.ts';

/** A reply that no stage of these tests waits for. */
const never = (peer: Peer): Promise<void> => new Promise((resolve) => peer.socket.once('close', () => resolve()));

/** Larger than what the system buffers between two sockets, so that it cannot all be handed over. */
const HUGE = Buffer.from(`Subject: big\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(300_000)}`);

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

const failure = (stage: string, reason: string, afterDot = false) => ({ kind: 'failed', stage, reason, afterDot });
const refusal = (stage: string, code: number) => ({ kind: 'refused', stage, reply: { code } });

/** Sends the replies of the envelope up to `stage`, reading each command first. */
async function upTo(
  peer: Peer,
  stage: 'mail' | 'rcpt' | 'data' | 'body',
  extensions?: readonly string[],
): Promise<void> {
  await greet(peer, extensions);
  const replies = { mail: [], rcpt: ['250 ok'], data: ['250 ok', '250 ok'], body: ['250 ok', '250 ok', '354 go on'] }[
    stage
  ];
  for (const reply of replies) {
    await peer.line();
    peer.send(`${reply}\r\n`);
  }
  if (stage !== 'body') await peer.line();
}

describe('a server that cannot be reached', () => {
  it('refuses the connection', async () => {
    server = await rawServer(async () => {});
    const { port } = server;
    await server.close();
    server = null;
    const outcome = await courier.deliver(mailOf(), { source: sourceAt(port), site: 'google', limits });
    expect(outcome).toMatchObject(failure('connect', 'refused-connection'));
  });

  it('has no name that resolves', async () => {
    const source = sourceAt(25, { host: 'no-such-host.invalid' });
    const outcome = await courier.deliver(mailOf(), { source, site: 'google', limits });
    expect(outcome).toMatchObject(failure('connect', 'unreachable'));
  });
});

describe('silence', () => {
  beforeEach(() => {
    courier = courierWith({ patienceFactor: IMPATIENT });
  });

  it.each([
    ['greeting', async (peer: Peer) => never(peer)],
    [
      'ehlo',
      async (peer: Peer) => {
        peer.send('220 hello\r\n');
        await never(peer);
      },
    ],
    ['mail', (peer: Peer) => upTo(peer, 'mail')],
    ['rcpt', (peer: Peer) => upTo(peer, 'rcpt')],
    ['data', (peer: Peer) => upTo(peer, 'data')],
  ] as const)('at %s times out there', async (stage, script) => {
    expect(await attempt(script)).toMatchObject(failure(stage, 'timeout'));
  });

  it('while the message goes out: the dot did not', async () => {
    const outcome = await attempt(
      async (peer) => {
        await upTo(peer, 'body');
        peer.socket.pause();
      },
      mailOf({ message: HUGE }),
    );
    expect(outcome).toMatchObject(failure('body', 'timeout'));
  });

  it('after the dot: the mail may have been taken', async () => {
    const outcome = await attempt(async (peer) => {
      await upTo(peer, 'body');
      await peer.message();
      await never(peer);
    });
    expect(outcome).toMatchObject(failure('dot', 'timeout', true));
  });

  it('of all but a byte now and then is silence too', async () => {
    const outcome = await attempt(async (peer) => {
      const drip = setInterval(() => peer.send('2'), 20);
      await never(peer);
      clearInterval(drip);
    });
    expect(outcome).toMatchObject(failure('greeting', 'timeout'));
  });

  it('that a line breaks in bytes does not matter while it is in time', async () => {
    const outcome = await attempt(async (peer) => {
      for (const byte of '220 hello\r\n') {
        peer.send(byte);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await peer.line();
      peer.send('250 raw.example\r\n');
      await takeMail(peer);
    });
    expect(outcome.kind).toBe('accepted');
  });

  it('after the dot that ends within ten minutes is no failure', async () => {
    // Ten minutes are three seconds here: nine of them, and one after which nobody may still wait.
    const outcome = await attempt(async (peer) => {
      await upTo(peer, 'body');
      await peer.message();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      peer.send('250 late but taken\r\n');
    });
    expect(outcome).toEqual({ kind: 'accepted', reply: { code: 250, enhancedCode: null, text: 'late but taken' } });
  });
});

describe.each([
  ['reset', (peer: Peer) => peer.reset()],
  ['FIN', (peer: Peer) => peer.socket.end()],
] as const)('a connection that ends with %s', (_, end) => {
  it.each([
    ['greeting', async () => {}],
    ['ehlo', async (peer: Peer) => peer.send('220 hello\r\n')],
    ['mail', (peer: Peer) => upTo(peer, 'mail')],
    ['rcpt', (peer: Peer) => upTo(peer, 'rcpt')],
    ['data', (peer: Peer) => upTo(peer, 'data')],
  ] as const)('at %s', async (stage, script) => {
    const outcome = await attempt(async (peer) => {
      await script(peer);
      if (stage === 'ehlo') await peer.line();
      end(peer);
    });
    // A reset can overtake the news that the connection stands.
    const early = stage === 'greeting' && outcome.kind === 'failed' && outcome.stage === 'connect';
    expect(outcome).toMatchObject(failure(early ? 'connect' : stage, 'reset'));
  });

  it('in the middle of the message: the dot did not go out', async () => {
    const outcome = await attempt(
      async (peer) => {
        await upTo(peer, 'body');
        peer.socket.pause();
        end(peer);
      },
      mailOf({ message: HUGE }),
    );
    expect(outcome).toMatchObject(failure('body', 'reset'));
  });

  it('after the dot: the mail may have been taken', async () => {
    const outcome = await attempt(async (peer) => {
      await upTo(peer, 'body');
      await peer.message();
      end(peer);
    });
    expect(outcome).toMatchObject(failure('dot', 'reset', true));
  });

  it('after a large message and its dot', async () => {
    const outcome = await attempt(
      async (peer) => {
        await upTo(peer, 'body');
        await peer.message();
        end(peer);
      },
      mailOf({ message: HUGE.subarray(0, HUGE.indexOf('\r\n', 200_000) + 2) }),
    );
    expect(outcome).toMatchObject(failure('dot', 'reset', true));
  });

  it('right behind the reply: the reply counts', async () => {
    const outcome = await attempt(async (peer) => {
      await upTo(peer, 'body');
      await peer.message();
      peer.socket.write('250 taken\r\n', () => peer.socket.end());
    });
    expect(outcome).toMatchObject({ kind: 'accepted', reply: { code: 250 } });
  });
});

describe('421', () => {
  it.each(['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'dot'] as const)(
    'at %s is a refusal at that stage',
    async (stage) => {
      const outcome = await attempt(async (peer) => {
        if (stage === 'ehlo') peer.send('220 hello\r\n');
        if (stage === 'ehlo') await peer.line();
        if (stage === 'mail' || stage === 'rcpt' || stage === 'data') await upTo(peer, stage);
        if (stage === 'dot') {
          await upTo(peer, 'body');
          await peer.message();
        }
        peer.send('421 4.3.2 closing\r\n');
        await never(peer);
      });
      expect(outcome).toMatchObject({ ...refusal(stage, 421), reply: { enhancedCode: '4.3.2', text: 'closing' } });
    },
  );

  it('in the middle of the message ends it there', async () => {
    const outcome = await attempt(
      async (peer) => {
        await upTo(peer, 'body');
        peer.send('421 4.3.2 closing\r\n');
        peer.socket.pause();
        await never(peer);
      },
      mailOf({ message: HUGE }),
    );
    expect(outcome).toMatchObject(refusal('body', 421));
  });

  it.each(['greeting', 'mail', 'rcpt', 'data', 'dot'] as const)(
    'at %s with the connection cut behind it',
    async (stage) => {
      const outcome = await attempt(async (peer) => {
        if (stage === 'mail' || stage === 'rcpt' || stage === 'data') await upTo(peer, stage);
        if (stage === 'dot') {
          await upTo(peer, 'body');
          await peer.message();
        }
        peer.socket.write('421 4.3.2 closing\r\n', () => peer.socket.end());
      });
      expect(outcome).toMatchObject(refusal(stage, 421));
    },
  );
});

describe('garbage', () => {
  const garbage = [
    ['no code', 'hello there\r\n'],
    ['a code of one digit', '2 ok\r\n'],
    ['a code that does not exist', '999 ok\r\n'],
    ['two codes in one reply', '250-a\r\n251 b\r\n'],
    ['binary', '\u0016\u0003\u0001\u0002\u0000\u0001\r\n'],
    ['a line without end', 'x'.repeat(5_000)],
    ['a line of more than 2 KB', `250 ${'x'.repeat(2_100)}\r\n`],
    ['lines without end', '250-more\r\n'.repeat(200)],
  ] as const;

  it.each(garbage)('%s as the greeting', async (_, text) => {
    const outcome = await attempt(async (peer) => {
      peer.send(text);
      await never(peer);
    });
    expect(outcome).toMatchObject(failure('greeting', 'garbage'));
  });

  it.each(garbage)('%s after the dot: the mail may have been taken', async (_, text) => {
    const outcome = await attempt(async (peer) => {
      await upTo(peer, 'body');
      await peer.message();
      peer.send(text);
      await never(peer);
    });
    expect(outcome).toMatchObject(failure('dot', 'garbage', true));
  });

  it.each(['mail', 'rcpt', 'data'] as const)('a reply that belongs elsewhere at %s', async (stage) => {
    const outcome = await attempt(async (peer) => {
      await upTo(peer, stage);
      peer.send(stage === 'data' ? '250 ok\r\n' : '354 go on\r\n');
      await never(peer);
    });
    expect(outcome).toMatchObject(failure(stage, 'garbage'));
  });

  it('is not what a reply of more than 512 octets is', async () => {
    const outcome = await attempt(async (peer) => {
      await greet(peer);
      await takeMail(peer, `250 ${'x'.repeat(1_500)}`);
    });
    expect(outcome).toMatchObject({ kind: 'accepted', reply: { code: 250, text: 'x'.repeat(512) } });
  });
});

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

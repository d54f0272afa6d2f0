import type { DeliveryOutcome } from '../../../src/domain/reply.ts';
import type { Courier, OutgoingMail } from '../../../src/smtp/mail.ts';
import { courierWith, failure, IMPATIENT, limits, mailOf, refusal, sourceAt } from './fixtures.ts';
import { greet, never, type Peer, type RawServer, rawServer, takeMail, upTo } from './raw-server.ts';

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

import tls from 'node:tls';
import type { Source } from '../../../src/domain/policy.ts';
import { type KeyAndCertificate, selfSigned, yearFrom } from '../../../src/secrets/self-signed.ts';
import type { Courier, Credentials } from '../../../src/smtp/mail.ts';
import { courierWith, credentialsOf, eventually, IMPATIENT, limits, mailOf, sourceAt } from './fixtures.ts';
import { greet, type Peer, peerOf, type RawServer, rawServer, takeMail } from './raw-server.ts';

let server: RawServer | null = null;
let courier: Courier | null = null;
const localhost = selfSigned({ names: ['localhost', '127.0.0.1'], ...yearFrom(Date.now()) });
const otherName = selfSigned({ names: ['other.example'], ...yearFrom(Date.now()) });
const expired = selfSigned({ names: ['localhost'], from: 0, until: Date.now() - 1_000 });
const trusted = tls.getCACertificates('default');
beforeAll(() => tls.setDefaultCACertificates([...trusted, localhost.cert, otherName.cert, expired.cert]));
afterAll(() => tls.setDefaultCACertificates(trusted));
afterEach(async () => {
  await courier?.close({ withinMs: 0 });
  await server?.close();
  server = null;
  courier = null;
});

/** Puts TLS on the server's side of a connection. */
const secured = (peer: Peer, { cert, key }: KeyAndCertificate): Peer =>
  peerOf(new tls.TLSSocket(peer.socket, { isServer: true, cert, key }));

async function attempt(
  script: (peer: Peer) => Promise<void>,
  source: Partial<Source>,
  login: Credentials | null = null,
  patienceFactor = 1,
) {
  server = await rawServer(script);
  courier = courierWith({ credentials: async () => login, patienceFactor });
  return courier.deliver(mailOf(), { source: sourceAt(server.port, source), site: 'google', limits });
}

/** Offers STARTTLS, and goes on behind it. */
const startTls =
  (certificate: KeyAndCertificate, injected = '') =>
  async (peer: Peer): Promise<void> => {
    await greet(peer, ['STARTTLS']);
    expect(await peer.line()).toBe('STARTTLS');
    peer.send(`220 go on\r\n${injected}`);
    const inside = secured(peer, certificate);
    expect(await inside.line()).toBe('EHLO client.example');
    inside.send('250 raw.example\r\n');
    await takeMail(inside);
    inside.socket.end();
  };

const broken = async (peer: Peer): Promise<void> => {
  await greet(peer, ['STARTTLS']);
  await peer.line();
  peer.send('220 go on\r\n');
  peer.send('this is no handshake\r\n'.repeat(10));
  await new Promise((resolve) => peer.socket.once('close', resolve));
};

describe('STARTTLS', () => {
  it.each(['starttls', 'opportunistic'] as const)('is used where it is offered (%s)', async (policy) => {
    const outcome = await attempt(startTls(localhost), { tls: policy, host: 'localhost' });
    expect(outcome).toMatchObject({ kind: 'accepted' });
  });

  it('checks the certificate against an address as well', async () => {
    expect(await attempt(startTls(localhost), { tls: 'starttls' })).toMatchObject({ kind: 'accepted' });
  });

  it.each([
    ['required', 'starttls', { kind: 'failed', stage: 'tls', reason: 'tls', afterDot: false }],
    ['opportunistic', 'opportunistic', { kind: 'accepted' }],
    ['none', 'none', { kind: 'accepted' }],
  ] as const)('that is stripped from the reply to EHLO: %s', async (_, policy, expected) => {
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, []);
        await takeMail(peer);
      },
      { tls: policy },
    );
    expect(outcome).toMatchObject(expected);
  });

  it.each(['starttls', 'opportunistic'] as const)('with a certificate of another name fails (%s)', async (policy) => {
    const script = async (peer: Peer): Promise<void> => {
      await startTls(otherName)(peer).catch(() => {});
    };
    const outcome = await attempt(script, { tls: policy, host: 'localhost' });
    expect(outcome).toMatchObject({
      kind: 'failed',
      stage: 'tls',
      reason: 'tls',
      detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('with a certificate whose time is over fails', async () => {
    const script = async (peer: Peer): Promise<void> => {
      await startTls(expired)(peer).catch(() => {});
    };
    const outcome = await attempt(script, { tls: 'starttls', host: 'localhost' });
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'tls', reason: 'tls', detail: 'CERT_HAS_EXPIRED' });
  });

  it('with a certificate that nobody vouches for fails, unless checks are off', async () => {
    tls.setDefaultCACertificates(trusted);
    try {
      const script = async (peer: Peer): Promise<void> => {
        await startTls(localhost)(peer).catch(() => {});
      };
      expect(await attempt(script, { tls: 'starttls' })).toMatchObject({ stage: 'tls', reason: 'tls' });
      await courier?.close({ withinMs: 0 });
      await server?.close();
      expect(await attempt(startTls(localhost), { tls: 'starttls', tlsVerify: false })).toMatchObject({
        kind: 'accepted',
      });
    } finally {
      tls.setDefaultCACertificates([...trusted, localhost.cert, otherName.cert, expired.cert]);
    }
  });

  it('whose handshake is garbage fails at that stage', async () => {
    expect(await attempt(broken, { tls: 'starttls' })).toMatchObject({ kind: 'failed', stage: 'tls', afterDot: false });
  });

  it('that is refused is a refusal at that stage', async () => {
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, ['STARTTLS']);
        await peer.line();
        peer.send('454 4.7.0 not now\r\n');
      },
      { tls: 'opportunistic' },
    );
    expect(outcome).toMatchObject({ kind: 'refused', stage: 'tls', reply: { code: 454 } });
  });

  // What somebody in between puts behind the reply would be read as if it had come protected.
  it.each(['250 planted.example\r\n', '250-AUTH PLAIN\r\n', '250-PLANTED'])(
    'believes nothing that came before the handshake: %j',
    async (injected) => {
      const script = async (peer: Peer): Promise<void> => {
        await startTls(localhost, injected)(peer).catch(() => {});
      };
      expect(await attempt(script, { tls: 'starttls' })).toMatchObject({ kind: 'failed', stage: 'tls' });
    },
  );

  it('times out at that stage', async () => {
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, ['STARTTLS']);
        await peer.line();
        peer.send('220 go on\r\n');
        await new Promise((resolve) => peer.socket.once('close', resolve));
      },
      { tls: 'starttls' },
      null,
      IMPATIENT,
    );
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'tls', reason: 'timeout' });
  });
});

describe('implicit TLS', () => {
  it('begins with the handshake', async () => {
    const outcome = await attempt(
      async (peer) => {
        const inside = secured(peer, localhost);
        await greet(inside);
        await takeMail(inside);
        inside.socket.end();
      },
      { tls: 'implicit', host: 'localhost' },
    );
    expect(outcome).toMatchObject({ kind: 'accepted' });
  });

  it('with a server that speaks first in clear fails at that stage', async () => {
    const outcome = await attempt((peer) => greet(peer), { tls: 'implicit' });
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'tls' });
  });
});

describe('logging in', () => {
  const plain = { user: 'user', pass: 'pass word ü' };
  const login = credentialsOf(plain);
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

  it('uses PLAIN', async () => {
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, ['AUTH LOGIN PLAIN']);
        expect(await peer.line()).toBe(`AUTH PLAIN ${base64('\u0000user\u0000pass word ü')}`);
        peer.send('235 2.7.0 welcome\r\n');
        await takeMail(peer);
      },
      {},
      login,
    );
    expect(outcome).toMatchObject({ kind: 'accepted' });
  });

  it('uses LOGIN where PLAIN is not offered', async () => {
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, ['AUTH=LOGIN']);
        for (const [expected, reply] of [
          ['AUTH LOGIN', '334 VXNlcm5hbWU6'],
          [base64('user'), '334 UGFzc3dvcmQ6'],
          [base64('pass word ü'), '235 welcome'],
        ]) {
          expect(await peer.line()).toBe(expected);
          peer.send(`${reply}\r\n`);
        }
        await takeMail(peer);
      },
      {},
      login,
    );
    expect(outcome).toMatchObject({ kind: 'accepted' });
  });

  it('that is refused is a refusal at that stage', async () => {
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, ['AUTH PLAIN']);
        await peer.line();
        peer.send('535 5.7.8 wrong\r\n');
      },
      {},
      login,
    );
    expect(outcome).toMatchObject({ kind: 'refused', stage: 'auth', reply: { code: 535, enhancedCode: '5.7.8' } });
  });

  it('needs a mechanism in common', async () => {
    const outcome = await attempt((peer) => greet(peer, ['AUTH CRAM-MD5']), {}, login);
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'auth', reason: 'auth' });
  });

  it('never happens in clear where TLS was wanted', async () => {
    const lines: (string | null)[] = [];
    const outcome = await attempt(
      async (peer) => {
        await greet(peer, ['AUTH PLAIN']);
        lines.push(await peer.line());
      },
      { tls: 'opportunistic' },
      login,
    );
    expect(outcome).toMatchObject({ kind: 'failed', stage: 'auth', reason: 'auth' });
    await eventually(() => lines.length > 0);
    expect(lines).toEqual([null]);
  });

  it('fails as authentication where the credentials cannot be had', async () => {
    server = await rawServer((peer) => greet(peer));
    courier = courierWith({ credentials: () => Promise.reject(new Error('vault is sealed')) });
    const route = { source: sourceAt(server.port), site: 'google', limits };
    expect(await courier.deliver(mailOf(), route)).toMatchObject({ kind: 'failed', stage: 'auth', reason: 'auth' });
    expect(server.connections).toBe(0);
  });
});

import { type Simulator, type SiteBehaviour, startSimulator } from '../../../src/testing/simulator/index.ts';
import { readSiteBehaviour } from '../../../src/testing/simulator/site-behaviour.ts';
import { Sites } from '../../../src/testing/simulator/sites.ts';
import { GREETING, greeted, messageOf, RawClient, until } from './raw-client.ts';

let simulator: Simulator;
const clients: RawClient[] = [];

beforeAll(async () => {
  simulator = await startSimulator({ sitePorts: { 'apple.test': 0 }, tls: { mode: 'starttls' } });
});
afterAll(() => simulator.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await call('DELETE', '/sites');
  await until(
    () => simulator.stats().connections.open === 0,
    () => 'the end of all connections',
  );
});

const keep = (client: RawClient): RawClient => {
  clients.push(client);
  return client;
};
const client = async (name?: string): Promise<RawClient> => keep(await greeted(simulator.smtpPort, name));
const connect = (port = simulator.smtpPort): RawClient => keep(new RawClient(port));

async function call(method: string, path: string, body?: unknown) {
  const url = `http://127.0.0.1:${simulator.httpPort}${path}`;
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function put(site: string, behaviour: SiteBehaviour): Promise<void> {
  expect((await call('PUT', `/sites/${site}`, behaviour)).status).toBe(200);
}

const recipient = async (from: RawClient, address: string): Promise<string> =>
  (await from.say('RSET', 'MAIL FROM:<a@x.test>', `RCPT TO:<${address}>`))[2] as string;

async function send(from: RawClient, address: string): Promise<string> {
  const reply = await recipient(from, address);
  if (!reply.startsWith('250')) return reply;
  await from.say('DATA');
  from.send(`${messageOf('job')}.\r\n`);
  return from.take();
}

describe('a recipient domain', () => {
  it('misbehaves while it is told to, and no other does', async () => {
    const from = await client();
    expect(await recipient(from, 'a@google.test')).toMatch(/^250/);
    await put('google.test', { mode: 'reject-451-4.3.2-Down' });
    expect(await recipient(from, 'a@GOOGLE.test')).toBe('451 4.3.2 Down\r\n');
    expect(await recipient(from, 'a@yahoo.test')).toMatch(/^250/);
    expect((await call('GET', '/sites')).body).toEqual({ 'google.test': { mode: 'reject-451-4.3.2-Down' } });
    expect((await call('GET', '/sites/google.test')).body).toEqual({ mode: 'reject-451-4.3.2-Down' });
    await call('DELETE', '/sites/google.test');
    expect(await recipient(from, 'a@google.test')).toMatch(/^250/);
  });

  it('outranks what addresses ask for', async () => {
    const from = await client();
    await put('google.test', { mode: '421-rcpt-4.7.28' });
    expect(await recipient(from, 'reject-550@google.test')).toMatch(/^421 4\.7\.28 /);
    expect(await from.ended()).toBe('end');
  });

  it('is any, where it is *, but for those with a behaviour of their own', async () => {
    const from = await client();
    await put('*', { mode: 'reject-550' });
    await put('yahoo.test', { mode: 'normal' });
    expect(await recipient(from, 'a@google.test')).toMatch(/^550/);
    expect(await recipient(from, 'a@yahoo.test')).toMatch(/^250/);
  });

  it('can look at one source only', async () => {
    await put('google.test', { mode: 'reject-550', source: 'Bad.test' });
    expect(await recipient(await client('bad.test'), 'a@google.test')).toMatch(/^550/);
    expect(await recipient(await client('good.test'), 'a@google.test')).toMatch(/^250/);
  });

  it('limits its connections', async () => {
    await put('google.test', { connectionsMax: 2 });
    const [first, second, third] = [await client(), await client(), await client()];
    for (const each of [first, second]) expect(await recipient(each, 'a@google.test')).toMatch(/^250/);
    expect(await recipient(third, 'a@yahoo.test')).toMatch(/^250/);
    expect(await recipient(third, 'a@google.test')).toBe('421 4.7.0 Too many connections to this site\r\n');
    expect(await third.ended()).toBe('end');
    first.close();
    await until(
      () => simulator.stats().sites.find(({ site }) => site === 'google.test')?.connectionsOpen === 1,
      () => 'one connection',
    );
    expect(await recipient(await client(), 'a@google.test')).toMatch(/^250/);
  });

  it('limits the messages of a connection', async () => {
    await put('google.test', { messagesPerConnectionMax: 2 });
    const from = await client();
    expect(await send(from, 'a@google.test')).toMatch(/^250/);
    expect(await send(from, 'a@yahoo.test')).toMatch(/^250/);
    expect(await send(from, 'a@google.test')).toMatch(/^250/);
    expect(await recipient(from, 'a@google.test')).toBe('421 4.7.0 Too many messages in this connection\r\n');
    expect(await from.ended()).toBe('end');
  });

  it('limits recipients per minute, for each source', async () => {
    await put('microsoft.test', { ratePerMinute: 3 });
    const from = await client('one.test');
    for (let sent = 0; sent < 3; sent++) expect(await recipient(from, 'a@microsoft.test')).toMatch(/^250/);
    expect(await recipient(from, 'a@microsoft.test')).toMatch(/^421 4\.7\.28 /);
    expect(await recipient(await client('two.test'), 'a@microsoft.test')).toMatch(/^250/);
  });

  it('comes back by itself', async () => {
    await put('google.test', { mode: 'refuse-connections', until: Date.now() + 150 });
    await until(
      async () => {
        const from = connect();
        await until(
          () => from.received !== '' || from.ending !== null,
          () => 'an answer',
        );
        return from.received === GREETING;
      },
      () => 'somebody to listen',
    );
    expect(simulator.sites()).toEqual({});
    await put('google.test', { mode: 'reject-550', until: new Date(Date.now() - 1_000).toISOString() });
    expect(await recipient(await client(), 'a@google.test')).toMatch(/^250/);
  });

  it('ends by the clock, not by a timer that may be late', () => {
    const sites = new Sites([]);
    for (const mode of ['reject', 'hang-greeting']) {
      sites.setRule('google.test', readSiteBehaviour({ mode, until: 1_000 }));
      expect(sites.rule('google.test', 'a.test', 999)).not.toBeNull();
      expect(sites.rule('google.test', 'a.test', 1_000)).toBeNull();
    }
    expect(sites.ofListener(null, '', 999)).toHaveLength(1);
    expect(sites.ofListener(null, '', 1_000)).toHaveLength(0);
  });

  it.each<[unknown, RegExp]>([
    [{ mode: 'reject-everything-please' }, /^$/],
    [{ mode: 'sulk' }, /no behaviour/],
    [{ mode: 7 }, /no behaviour/],
    [{ mode: 'defer-2-greeting' }, /counted by address/],
    [{ mode: 'hang-greeting', source: 'a' }, /before EHLO/],
    [{ connectionsMax: -1 }, /whole number/],
    [{ ratePerMinute: 'many' }, /whole number/],
    [{ without: ['TURN'] }, /without is a list/],
    [{ until: 'tomorrow' }, /until is a time/],
    [{ moode: '421' }, /unknown key/],
    [[], /object/],
  ])('%j', async (behaviour, problem) => {
    const { status, body } = await call('PUT', '/sites/google.test', behaviour);
    if (problem.source === '^$') return expect(status).toBe(200);
    expect(status).toBe(400);
    expect(String(body.problems)).toMatch(problem);
    expect(simulator.sites()).toEqual({});
  });

  it('is refused where the request makes no sense', async () => {
    const url = `http://127.0.0.1:${simulator.httpPort}/sites/`;
    const put = (site: string, body: string) => fetch(url + site, { method: 'PUT', body });
    expect((await put('google.test', '{')).status).toBe(400);
    expect((await put('%00', '{}')).status).toBe(400);
    expect((await put('%E0%A4%A', '{}')).status).toBe(400);
    expect((await put('google.test', `{"mode": "normal"${' '.repeat(70_000)}}`)).status).toBe(400);
    await expect(simulator.setSite('google.test', { mode: 'sulk' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a listener', () => {
  it('refuses connections, resets open ones, and listens again at the same port', async () => {
    const before = await client();
    await put('google.test', { mode: 'refuse-connections' });
    expect(await before.ended()).toBe('reset');
    expect(await connect().ended()).toBe('refused');
    expect(await connect(simulator.sitePorts['apple.test']).take()).toBe(GREETING);
    await call('DELETE', '/sites/google.test');
    expect(await connect().take()).toBe(GREETING);
  });

  it('is the site’s own, where it has one', async () => {
    await put('apple.test', { mode: 'refuse-connections' });
    expect(await connect(simulator.sitePorts['apple.test']).ended()).toBe('refused');
    expect(await connect().take()).toBe(GREETING);
  });

  it.each([
    ['421-greeting', /^421 4\.7\.0 .*\r\n$/, 'end'],
    ['garbage-greeting', /^\0\xff\xfe not an answer \x80\r\n$/, null],
    ['cut-greeting', /^$/, 'end'],
    ['reset-greeting', /^$/, 'reset'],
    ['slow-30-greeting', /^220 /, null],
    ['tarpit-3-greeting', /^220 /, null],
    ['reject-greeting-554-5.7.1', /^554 5\.7\.1 .*\r\n$/, null],
    ['long-700-greeting', /^220 .{694}\r\n$/, null],
  ] as const)('%s', async (mode, received, ending) => {
    await put('google.test', { mode });
    const from = connect();
    if (ending !== null) expect(await from.ended()).toBe(ending);
    else await from.take('\r\n').then((greeting) => expect(greeting).toMatch(received));
    if (ending !== null) expect(from.received).toMatch(received);
    if (!mode.startsWith('reject')) return;
    expect(await from.say('EHLO a.test', 'QUIT')).toEqual(['503 5.5.1 Only QUIT is left\r\n', '221 2.0.0 Bye\r\n']);
  });

  it('hangs before its greeting', async () => {
    await put('google.test', { mode: 'hang-greeting' });
    const from = connect();
    await until(
      () => simulator.stats().connections.open === 1,
      () => 'the connection',
    );
    from.send('EHLO a.test\r\n');
    expect(await connect(simulator.sitePorts['apple.test']).take()).toBe(GREETING);
    expect(from.received).toBe('');
  });

  it.each([
    ['421-mail', 'MAIL FROM:<a@x.test>', /^421 /],
    ['reject-mail-550', 'MAIL FROM:<a@x.test>', /^550 /],
    ['reject-ehlo-504', 'EHLO b.test', /^504 /],
    ['421-quit', 'QUIT', /^421 /],
    ['reject-tls-454-4.7.0', 'STARTTLS', /^454 4\.7\.0 /],
    ['garbage-tls', 'STARTTLS', /^220 /],
  ] as const)('%s', async (mode, command, reply) => {
    const from = await client();
    await put('google.test', { mode });
    expect((await from.say(command))[0]).toMatch(reply);
    if (mode === 'garbage-tls') expect(await from.take('\r\n')).toMatch(/not an answer/);
  });

  it('cuts in answer to STARTTLS', async () => {
    await put('google.test', { mode: 'cut-tls' });
    const from = await client();
    await from.say('STARTTLS');
    expect(await from.ended()).toBe('end');
  });

  it('takes extensions away', async () => {
    const keywords = async () => {
      const from = connect();
      await from.take(GREETING);
      return (await from.say('EHLO a.test'))[0]?.match(/(?<=^250[ -])[A-Z0-9]+/gm)?.sort() ?? [];
    };
    const all = await keywords();
    expect(all).toEqual(['8BITMIME', 'ENHANCEDSTATUSCODES', 'PIPELINING', 'SIZE', 'SMTPUTF8', 'STARTTLS']);
    const told = await client();
    await put('google.test', { without: ['STARTTLS', 'PIPELINING', 'SMTPUTF8'] });
    expect(await keywords()).toEqual(['8BITMIME', 'ENHANCEDSTATUSCODES', 'SIZE']);
    expect(await told.say('MAIL FROM:<a@x.test> SMTPUTF8')).toEqual(['250 2.1.0 OK\r\n']);
    const from = await client();
    expect(await from.say('STARTTLS')).toEqual(['502 5.5.1 No STARTTLS here\r\n']);
    expect(await from.say('MAIL FROM:<a@x.test> SMTPUTF8')).toEqual(['555 5.5.4 Unknown parameter SMTPUTF8\r\n']);
    from.send('NOOP\r\nNOOP\r\n');
    expect(await from.ended()).toBe('end');
    expect(from.received).toBe('554 5.5.0 Commands are not to be sent ahead\r\n');
    await call('DELETE', '/sites');
    expect(await keywords()).toEqual(all);
  });
});

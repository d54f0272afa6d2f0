import { type Simulator, startSimulator } from '../../../src/testing/simulator/index.ts';
import { GREETING, greeted, messageOf, RawClient, until } from './raw-client.ts';

const MAIL = 'MAIL FROM:<a@x.test>';
const GO_ON = '354 End data with <CR><LF>.<CR><LF>\r\n';
const RECIPIENT_OK = '250 2.1.5 OK\r\n';
const GARBAGE = '\0\xff\xfe not an answer \x80\r\n';
const PERMANENT = 'Refused, the simulator was asked to say so';
const TRANSIENT = 'Try again later, the simulator was asked to say so';

let simulator: Simulator;
const clients: RawClient[] = [];

beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.stop());
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function client(): Promise<RawClient> {
  const made = await greeted(simulator.smtpPort);
  clients.push(made);
  return made;
}

/** Goes as far as the stage before `stage`, and sends what belongs to it. */
async function reach(stage: 'rcpt' | 'data' | 'dot', address: string, from?: RawClient): Promise<RawClient> {
  const made = from ?? (await client());
  await made.say(MAIL);
  if (stage === 'rcpt') {
    made.send(`RCPT TO:<${address}>\r\n`);
    return made;
  }
  expect(await made.say(`RCPT TO:<${address}>`)).toEqual([RECIPIENT_OK]);
  if (stage === 'data') {
    made.send('DATA\r\n');
    return made;
  }
  expect(await made.say('DATA')).toEqual([GO_ON]);
  made.send(`${messageOf(address)}.\r\n`);
  return made;
}

const taken = (address: string): number => simulator.journal().filter(({ recipient }) => recipient === address).length;
const didSo = (site: string, label: string): number =>
  simulator.stats().sites.find((each) => each.site === site)?.otherwise[label] ?? 0;

/** Everything that was sent before has been read when this settles, and answered if it ever is. */
async function barrier(): Promise<void> {
  const other = await client();
  for (let rounds = 0; rounds < 3; rounds++) await other.say('NOOP');
}

async function expectSilence(from: RawClient): Promise<void> {
  from.send('NOOP\r\n');
  await barrier();
  expect(from.received).toBe('');
  expect(from.ending).toBeNull();
}

describe('ordinary addresses', () => {
  it.each([
    'ada@inbox.test',
    'rejected@x.test',
    'hang@x.test',
    'slowly@x.test',
    'limits@x.test',
    'hang-greeting@x.test',
  ])('%s is accepted', async (address) => {
    const from = await reach('dot', address);
    expect(await from.take()).toMatch(/^250 2\.0\.0 Taken as \d+\r\n$/);
    expect(taken(address)).toBe(1);
  });
});

describe('refusals', () => {
  it.each([
    ['reject@x.test', `550 5.1.1 ${PERMANENT}\r\n`],
    ['REJECT-550-5.1.1@x.test', `550 5.1.1 ${PERMANENT}\r\n`],
    ['reject-550-5.1.1.order-7+tag@x.test', `550 5.1.1 ${PERMANENT}\r\n`],
    ['reject-550@x.test', `550 ${PERMANENT}\r\n`],
    ['reject-5.2.2@x.test', `550 5.2.2 ${PERMANENT}\r\n`],
    ['reject-452-4.2.2@x.test', `452 4.2.2 ${TRANSIENT}\r\n`],
    ['reject-550-5.7.1-Blocked_by_=5BTS03=5D=2E.x@x.test', '550 5.7.1 Blocked by [TS03].\r\n'],
    ['reject-550-5.1.1-Gone~see_help@x.test', '550-5.1.1 Gone\r\n550 5.1.1 see help\r\n'],
    ['reject-550-5.1.1-=C3=A9@x.test', '550 5.1.1 \xc3\xa9\r\n'],
    ['reject-550-5.1.1-a=0D=0Ab@x.test', '550 5.1.1 a  b\r\n'],
    ['garbage@x.test', GARBAGE],
  ])('%s at RCPT', async (address, reply) => {
    const from = await reach('rcpt', address);
    expect(await from.take(reply)).toBe(reply);
    // Nobody is left to send to, and the session is fine.
    expect(await from.say('DATA', 'RSET')).toEqual(['554 5.5.1 No recipient was taken\r\n', '250 2.0.0 OK\r\n']);
  });

  it.each([
    ['reject-data@x.test', 'data', `554 5.7.1 ${PERMANENT}\r\n`],
    ['reject-data-554-5.7.1@x.test', 'data', `554 5.7.1 ${PERMANENT}\r\n`],
    ['garbage-data@x.test', 'data', GARBAGE],
    ['reject-dot-554-5.6.0@x.test', 'dot', `554 5.6.0 ${PERMANENT}\r\n`],
    ['reject-dot@x.test', 'dot', `554 5.7.1 ${PERMANENT}\r\n`],
    ['garbage-dot@x.test', 'dot', GARBAGE],
  ] as const)('%s at %s', async (address, stage, reply) => {
    const from = await reach(stage, address);
    expect(await from.take(reply)).toBe(reply);
    expect(taken(address)).toBe(0);
    await reach('dot', 'after@x.test', from);
    expect(await from.take()).toMatch(/^250 /);
  });

  it.each([
    ['defer-2-451-4.7.1.once@x.test', 'rcpt', `451 4.7.1 ${TRANSIENT}\r\n`, RECIPIENT_OK],
    ['defer-2@x.test', 'rcpt', `451 4.7.1 ${TRANSIENT}\r\n`, RECIPIENT_OK],
    ['defer-2-data-450@x.test', 'data', `450 ${TRANSIENT}\r\n`, GO_ON],
  ] as const)('%s is refused twice, then taken for good', async (address, stage, refusal, friendly) => {
    const replies: string[] = [];
    for (let tries = 0; tries < 4; tries++) replies.push(await (await reach(stage, address)).take());
    expect(replies).toEqual([refusal, refusal, friendly, friendly]);
  });

  it('counts deferrals for each address', async () => {
    for (const address of ['defer-1-dot.a@x.test', 'defer-1-dot.b@x.test']) {
      expect(await (await reach('dot', address)).take()).toBe(`451 4.7.1 ${TRANSIENT}\r\n`);
      expect(await (await reach('dot', address.toUpperCase())).take()).toMatch(/^250 /);
    }
  });
});

describe('421', () => {
  it.each([
    ['421@x.test', 'rcpt', `421 4.7.0 ${TRANSIENT}\r\n`],
    ['421-rcpt-4.7.28-Slow_down@x.test', 'rcpt', '421 4.7.28 Slow down\r\n'],
    ['reject-421@x.test', 'rcpt', `421 ${TRANSIENT}\r\n`],
    ['421-data@x.test', 'data', `421 4.7.0 ${TRANSIENT}\r\n`],
    ['421-body@x.test', 'dot', `421 4.7.0 ${TRANSIENT}\r\n`],
    ['421-dot@x.test', 'dot', `421 4.7.0 ${TRANSIENT}\r\n`],
  ] as const)('%s closes the connection', async (address, stage, reply) => {
    const from = await reach(stage, address);
    expect(await from.ended()).toBe('end');
    expect(from.received).toBe(reply);
    expect(taken(address)).toBe(0);
  });

  it('421-accepted@ closes after the message was taken', async () => {
    const from = await reach('dot', '421-accepted@x.test');
    expect(await from.ended()).toBe('end');
    expect(from.received).toMatch(/^250 2\.0\.0 Taken as \d+\r\n421 4\.7\.0 .*\r\n$/);
    expect(taken('421-accepted@x.test')).toBe(1);
  });

  it('limit-2@ takes two messages in a connection', async () => {
    const from = await client();
    for (let sent = 0; sent < 2; sent++)
      expect(await (await reach('dot', 'limit-2@x.test', from)).take()).toMatch(/^250 /);
    await reach('rcpt', 'limit-2@x.test', from);
    expect(await from.ended()).toBe('end');
    expect(from.received).toBe('421 4.7.0 Too many messages in this connection\r\n');
  });
});

describe('hanging', () => {
  it.each([
    ['hang-rcpt@silent.test', 'rcpt', 0],
    ['hang-data@silent.test', 'data', 0],
    ['hang-body@silent.test', 'dot', 0],
    ['hang-dot@silent.test', 'dot', 0],
    ['hang-dot-taken@silent.test', 'dot', 1],
  ] as const)('%s is never answered', async (address, stage, copies) => {
    const before = didSo('silent.test', 'hang');
    const from = await reach(stage, address);
    await until(
      () => didSo('silent.test', 'hang') > before,
      () => 'the behaviour',
    );
    await expectSilence(from);
    expect(taken(address)).toBe(copies);
  });

  it('hang-accepted@ answers nothing after the message', async () => {
    const from = await reach('dot', 'hang-accepted@x.test');
    expect(await from.take()).toMatch(/^250 /);
    await expectSilence(from);
    expect(taken('hang-accepted@x.test')).toBe(1);
  });

  it('hang-body@ stops reading, so that the client cannot go on', async () => {
    const from = await client();
    await from.say(MAIL, 'RCPT TO:<hang-body@x.test>', 'DATA');
    const line = `${'x'.repeat(998)}\r\n`;
    from.send(messageOf('big', line.repeat(16_000)));
    await until(
      () => didSo('x.test', 'hang') > 0,
      () => 'the behaviour',
    );
    await barrier();
    expect(from.socket.writableLength).toBeGreaterThan(1_000_000);
  });

  it('notices that a client has given up', async () => {
    const alone = await startSimulator();
    try {
      const from = await greeted(alone.smtpPort);
      clients.push(from);
      await reach('rcpt', 'hang-rcpt@x.test', from);
      await until(
        () => alone.stats().sites[0]?.connectionsOpen === 1,
        () => 'the connection',
      );
      from.close();
      await until(
        () => alone.stats().connections.open === 0,
        () => 'the end of the connection',
      );
      expect(alone.stats().sites[0]?.connectionsOpen).toBe(0);
    } finally {
      await alone.stop();
    }
  });
});

describe('cutting', () => {
  it.each([
    ['cut-rcpt@x.test', 'rcpt', 'end', 0],
    ['cut-data@x.test', 'data', 'end', 0],
    ['cut-dot@x.test', 'dot', 'end', 0],
    ['cut-dot-taken@x.test', 'dot', 'end', 1],
    ['reset-rcpt@x.test', 'rcpt', 'reset', 0],
    ['reset-data@x.test', 'data', 'reset', 0],
    ['reset-body@x.test', 'dot', 'reset', 0],
    ['reset-dot@x.test', 'dot', 'reset', 0],
    ['reset-dot-taken@x.test', 'dot', 'reset', 1],
  ] as const)('%s closes without a reply', async (address, stage, how, copies) => {
    const from = await reach(stage, address);
    expect(await from.ended()).toBe(how);
    expect(from.received).toBe('');
    expect(taken(address)).toBe(copies);
  });

  it('cut-body@ closes in the middle of the message', async () => {
    const from = await client();
    await from.say(MAIL, 'RCPT TO:<cut-body@x.test>', 'DATA');
    from.send('Subject: half');
    expect(await from.ended()).toBe('end');
    expect(taken('cut-body@x.test')).toBe(0);
  });

  it('cut-reply@ sends half of the reply', async () => {
    const from = await reach('dot', 'cut-reply@x.test');
    expect(await from.ended()).toBe('end');
    const { seq } = simulator.journal().find(({ recipient }) => recipient === 'cut-reply@x.test') ?? {};
    const whole = `250 2.0.0 Taken as ${seq}\r\n`;
    expect(from.received).toBe(whole.slice(0, whole.length >> 1));
  });

  it.each([
    ['cut-accepted@x.test', 'end'],
    ['reset-accepted@x.test', 'reset'],
  ] as const)('%s closes after the reply', async (address, how) => {
    const from = await reach('dot', address);
    expect(await from.ended()).toBe(how);
    // A reset may overtake the reply.
    if (how === 'end') expect(from.received).toMatch(/^250 .*\r\n$/);
    expect(taken(address)).toBe(1);
  });
});

describe('slow and strange replies', () => {
  it('slow-<ms>@ takes the message before it answers', async () => {
    const from = await reach('dot', 'slow-600000@x.test');
    await until(
      () => taken('slow-600000@x.test') === 1,
      () => 'the journal',
    );
    await expectSilence(from);
  });

  it.each([
    ['slow-30@x.test', 'dot', /^250 2\.0\.0 Taken as \d+\r\n$/],
    ['slow-30-rcpt@x.test', 'rcpt', /^250 2\.1\.5 OK\r\n$/],
    ['slow-30-data@x.test', 'data', /^354 .*\r\n$/],
  ] as const)('%s answers at last, and then what was sent meanwhile', async (address, stage, reply) => {
    const from = await reach(stage, address);
    if (stage === 'data') return void expect(await from.take()).toMatch(reply);
    from.send('NOOP\r\nNOOP\r\n');
    expect(await from.take()).toMatch(reply);
    expect([await from.take(), await from.take()]).toEqual(['250 2.0.0 OK\r\n', '250 2.0.0 OK\r\n']);
  });

  it.each([
    ['tarpit-3@x.test', 'rcpt', /^250 2\.1\.5 OK\r\n$/],
    ['tarpit-3-dot@x.test', 'dot', /^250 2\.0\.0 Taken as \d+\r\n$/],
  ] as const)('%s answers octet by octet', async (address, stage, reply) => {
    const from = await client();
    const before = from.pieces;
    await reach(stage, address, from);
    expect(await from.take()).toMatch(reply);
    expect(from.pieces - before).toBeGreaterThan(6);
    expect(await from.say('NOOP')).toEqual(['250 2.0.0 OK\r\n']);
  });

  it.each([
    ['long@x.test', 1_000, '250 2.1.5 OK'],
    ['long-2000@x.test', 2_000, '250 2.1.5 OK'],
    ['long-600-550-5.1.1@x.test', 600, `550 5.1.1 ${PERMANENT}`],
  ] as const)('%s answers with a line of %i octets', async (address, bytes, begin) => {
    const from = await reach('rcpt', address);
    const reply = await from.take();
    expect(reply).toBe(`${begin}${'x'.repeat(bytes - begin.length - 2)}\r\n`);
    expect((await from.say('DATA'))[0]).toMatch(begin.startsWith('250') ? /^354/ : /^554/);
  });
});

it('asks the first recipient that has something to say, and takes the others with it', async () => {
  const from = await client();
  expect(
    await from.say(
      MAIL,
      'RCPT TO:<one@x.test>',
      'RCPT TO:<reject@x.test>',
      'RCPT TO:<cut-dot-taken.two@x.test>',
      'DATA',
    ),
  ).toEqual(['250 2.1.0 OK\r\n', RECIPIENT_OK, `550 5.1.1 ${PERMANENT}\r\n`, RECIPIENT_OK, GO_ON]);
  from.send(`${messageOf('both')}.\r\n`);
  expect(await from.ended()).toBe('end');
  expect(
    simulator
      .journal()
      .filter(({ jobId }) => jobId === 'both')
      .map(({ recipient }) => recipient),
  ).toEqual(['one@x.test', 'cut-dot-taken.two@x.test']);
});

it('greets', async () => {
  const from = new RawClient(simulator.smtpPort);
  clients.push(from);
  expect(await from.take()).toBe(GREETING);
});

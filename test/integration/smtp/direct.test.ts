import type { Source } from '../../../src/domain/policy.ts';
import { wasNotTried } from '../../../src/domain/reply.ts';
import { DAY_MS } from '../../../src/domain/time.ts';
import type { Directory, NoWay } from '../../../src/smtp/direct.ts';
import type { Courier } from '../../../src/smtp/mail.ts';
import { type Simulator, startSimulator } from '../../../src/testing/simulator/index.ts';
import { courierWith, directoryOf, limits, mailbox, mailOf, named, sourceAt } from './fixtures.ts';

const HERE = '127.0.0.1';
let simulator: Simulator;
let courier: Courier;

afterEach(async () => {
  await courier?.close({ withinMs: 0 });
  await simulator?.stop();
});

const direct = (rest: Partial<Source> = {}): Source =>
  sourceAt(simulator.smtpPort, { mode: 'direct', tls: 'opportunistic', tlsVerify: true, localAddress: HERE, ...rest });
const route = (source: Source) => ({ source, site: 'x.example', limits });
const required: Directory = {
  ...directoryOf(HERE),
  exchange: async () => ({ group: 'g', hosts: [HERE], tls: 'required' }),
};

describe('TLS to mail exchangers', () => {
  it('is used where it is offered, whoever signed the certificate, and clear text where it is not', async () => {
    simulator = await startSimulator({ tls: { mode: 'starttls', required: true } });
    courier = courierWith({ directory: directoryOf(HERE) });
    expect(await courier.deliver(named('m'), route(direct()))).toMatchObject({ kind: 'accepted' });
    await simulator.stop();
    simulator = await startSimulator();
    expect(await courier.deliver(named('m'), route(direct({ name: 'other' })))).toMatchObject({ kind: 'accepted' });
  });

  it('that is broken is remembered for three days: the mail goes in clear in the same attempt', async () => {
    let now = 1_000_000;
    let broken = 0;
    simulator = await startSimulator({ tls: { mode: 'starttls' } });
    await simulator.setSite('*', { mode: 'cut-tls' });
    courier = courierWith({ directory: directoryOf(HERE), now: () => now, brokenTls: () => broken++ });
    // One mail per connection: each opens its own.
    const source = direct({ messagesPerConnectionMax: 1 });
    const deliver = async () => {
      expect(await courier.deliver(named('m'), route(source))).toMatchObject({ kind: 'accepted' });
      return [broken, simulator.stats().connections.total];
    };
    expect(await deliver()).toEqual([1, 2]);
    expect(await deliver()).toEqual([1, 3]);
    now += 3 * DAY_MS + 1;
    expect(await deliver()).toEqual([2, 5]);
  });

  it('is asked for again where clear text turns out not to do', async () => {
    simulator = await startSimulator({ tls: { mode: 'starttls', required: true } });
    await simulator.setSite('*', { mode: 'cut-tls' });
    courier = courierWith({ directory: directoryOf(HERE) });
    const source = direct();
    // Deferred, not bounced by the server's 530: that it was clear text is our doing.
    expect(await courier.deliver(named('m'), route(source))).toMatchObject({
      kind: 'failed',
      stage: 'tls',
      afterDot: false,
    });
    await simulator.setSite('*', null);
    expect(await courier.deliver(named('m'), route(source))).toMatchObject({ kind: 'accepted' });
  });

  it('that is required is never done without, and its certificate counts', async () => {
    simulator = await startSimulator({ tls: { mode: 'starttls' } });
    courier = courierWith({ directory: required });
    expect(await courier.deliver(named('m'), route(direct()))).toMatchObject({ kind: 'failed', stage: 'tls' });
    expect(await courier.deliver(named('m'), route(direct({ name: 'lax', tlsVerify: false })))).toMatchObject({
      kind: 'accepted',
    });
    await simulator.setSite('*', { without: ['STARTTLS'] });
    expect(await courier.deliver(named('m'), route(direct({ name: 'b', tls: 'none' })))).toMatchObject({
      kind: 'failed',
      stage: 'tls',
    });
    expect(await courier.deliver(named('m'), route(direct({ name: 'c', tls: 'starttls' })))).toMatchObject({
      kind: 'failed',
      stage: 'tls',
    });
    expect(simulator.stats().messages).toBe(1);
  });
});

describe('what stands in the way of direct delivery', () => {
  const noWay = (reason: NoWay['reason']): Directory => ({
    exchange: async () => ({ reason, detail: null }),
    addresses: async () => [HERE],
  });

  it.each(['null-mx', 'no-such-domain', 'dns'] as const)(
    '%s: no connection, and the circuit stays closed',
    async (reason) => {
      simulator = await startSimulator();
      courier = courierWith({ directory: noWay(reason), circuit: { failures: 1, resetMs: 60_000 } });
      const source = direct();
      for (let n = 0; n < 3; n++) {
        expect(await courier.deliver(named('m'), route(source))).toMatchObject({
          kind: 'failed',
          stage: 'connect',
          reason,
        });
      }
      expect(courier.circuits(source, 'x.example')).toEqual({ source: null, site: null, trial: false });
      expect(simulator.stats().connections.total).toBe(0);
    },
  );

  it('private addresses are not talked to, and another host is', async () => {
    simulator = await startSimulator();
    const addresses: Directory['addresses'] = async (host) =>
      host === 'inside' ? { reason: 'private-address', detail: null } : [HERE];
    const exchange =
      (...hosts: string[]) =>
      async () => ({ group: hosts.join(), hosts, tls: 'opportunistic' as const });
    courier = courierWith({ directory: { exchange: exchange('inside'), addresses } });
    expect(await courier.deliver(named('m'), route(direct()))).toMatchObject({ reason: 'private-address' });
    await courier.close({ withinMs: 0 });
    courier = courierWith({ directory: { exchange: exchange('inside', 'outside'), addresses } });
    expect(await courier.deliver(named('m'), route(direct()))).toMatchObject({ kind: 'accepted' });
  });
});

describe('connections to a site', () => {
  it('count until they are gone, over all of its groups of exchangers', async () => {
    simulator = await startSimulator({ clientConnectionsMax: 2 });
    const directory: Directory = {
      exchange: async (domain) => ({ group: domain, hosts: [HERE], tls: 'opportunistic' }),
      addresses: async () => [HERE],
    };
    courier = courierWith({ directory });
    const two = { ...limits, connectionsMax: 2, messagesPerConnectionMax: 3 };
    const source = direct();
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        courier.deliver(mailOf({ to: mailbox(`u@d${n % 4}.example`) }), { source, site: 'x', limits: two }),
      ),
    );
    expect(outcomes.filter(({ kind }) => kind !== 'accepted')).toEqual([]);
    expect(simulator.stats().clients).toEqual([{ ip: HERE, connectionsOpen: expect.any(Number), connectionsPeak: 2 }]);
  });

  it('are another site’s where the exchangers are: the mail is not tried, and says so', async () => {
    simulator = await startSimulator();
    const exchange = async () => ({ site: 'hoster', group: 'g', hosts: [HERE], tls: 'opportunistic' as const });
    courier = courierWith({ directory: { ...directoryOf(HERE), exchange } });
    const source = direct();
    // Such as where the look-up before had failed: the site was thought to be the recipient's domain.
    const outcome = await courier.deliver(named('m'), { source, site: 'x.example', limits });
    expect(outcome).toMatchObject({ kind: 'failed', reason: 'elsewhere', afterDot: false });
    expect(wasNotTried(outcome)).toBe(true);
    expect(simulator.stats().connections.total).toBe(0);
    expect(await courier.deliver(named('m'), { source, site: 'hoster', limits })).toMatchObject({ kind: 'accepted' });
  });

  it('come from the source’s address with its name', async () => {
    simulator = await startSimulator();
    courier = courierWith({ directory: directoryOf(HERE) });
    await courier.deliver(named('m'), route(direct({ localAddress: '127.0.0.77', helo: 'mk-7.shop.example' })));
    expect(simulator.journal()[0]).toMatchObject({ ip: '127.0.0.77', source: 'mk-7.shop.example' });
  });
});

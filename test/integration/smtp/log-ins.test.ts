import { RotatingLogIns } from '../../../src/smtp/log-ins.ts';
import type { Courier } from '../../../src/smtp/mail.ts';
import { MemorySecrets } from '../../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { type Simulator, startSimulator } from '../../../src/testing/simulator/index.ts';
import { settled } from '../../../src/testing/virtual-clock.ts';
import { courierWith, limits, named, sourceAt } from './fixtures.ts';

const USER = 'file:user';
const PASS = 'file:pass';
const RETRY_MS = 60_000;
const as = (pass: string) => ({ user: 'relay', pass });

describe('logging in through rotations', () => {
  let simulator: Simulator;
  let courier: Courier;
  let secrets: MemorySecrets;
  let telemetry: RecordingTelemetry;
  let now: number;

  beforeEach(async () => {
    simulator = await startSimulator({ auth: as('one') });
    telemetry = new RecordingTelemetry();
    secrets = new MemorySecrets({ [USER]: 'relay', [PASS]: 'one' });
    now = 1_000_000;
    const logIns = new RotatingLogIns({ secrets, telemetry, now: () => now, retryMs: RETRY_MS });
    courier = courierWith({
      credentials: (source) => logIns.of(source),
      logIns,
      circuit: { failures: 1, resetMs: 60_000 },
    });
  });
  afterEach(async () => {
    await courier.close({ withinMs: 0 });
    await simulator.stop();
  });

  const source = () =>
    sourceAt(simulator.smtpPort, { user: USER, password: PASS, connectionsMax: 2, messagesPerConnectionMax: 2 });
  const deliver = (name = 'm') => courier.deliver(named(name), { source: source(), site: 'google', limits });
  /** Everybody who follows it knows. */
  const rotate = async (pass: string): Promise<void> => {
    secrets.set(PASS, pass);
    await settled();
  };
  const alarms = () => telemetry.logged.filter(({ level }) => level === 'error').map(({ message }) => message);
  const gauge = () => telemetry.gauged('postlane_credential_refused', { source: 'relay' });
  const CLOSED = { source: null, site: null, trial: false };

  it('uses the new credential for new connections, and no old connection for another mail', async () => {
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    simulator.setCredentials([as('one'), as('two')]);
    await rotate('two');
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(simulator.logIns()).toEqual({ accepted: 2, refused: 0 });
    expect(alarms()).toEqual([]);
  });

  it('reads anew at once where the relay refuses, before that is a failure of the relay', async () => {
    simulator.setCredentials([as('two')]);
    secrets.setUnseen(PASS, 'two');
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(simulator.logIns()).toEqual({ accepted: 1, refused: 1 });
    expect(courier.circuits(source(), 'google')).toEqual(CLOSED);
    expect(alarms()).toEqual([]);
  });

  it('lives through an overlap of zero: the old one ends in the moment in which the new one begins, for open connections too', async () => {
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    simulator.setCredentials([as('two')], { endSessions: true });
    secrets.setUnseen(PASS, 'two');
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(simulator.journal()).toHaveLength(2);
    expect(courier.circuits(source(), 'google')).toEqual(CLOSED);
  });

  it('falls back to the last good one where the new one is wrong, alarms once, and does not insist', async () => {
    await deliver();
    await rotate('wrong');
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(simulator.logIns()).toEqual({ accepted: 2, refused: 1 });
    expect(alarms()).toEqual(['the relay refuses the newest credential; the last good one is used']);
    expect(gauge()).toBe(1);
    // Others go on with the good one, over the open connection and over new ones.
    await Promise.all([deliver(), deliver()]);
    expect(simulator.logIns().refused).toBe(1);
    expect(alarms()).toHaveLength(1);

    await rotate('three');
    simulator.setCredentials([as('one'), as('three')]);
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(gauge()).toBe(0);
  });

  it('tries the newest again after a while: the relay may have been late', async () => {
    await deliver();
    await rotate('two');
    await deliver();
    simulator.setCredentials([as('one'), as('two')]);
    await Promise.all([deliver(), deliver()]);
    expect([simulator.logIns().refused, gauge()]).toEqual([1, 1]);
    now += RETRY_MS;
    // Each of the two connections has sent two mails, and may send no more.
    await Promise.all([deliver(), deliver()]);
    expect([simulator.logIns().refused, gauge()]).toEqual([1, 0]);
  });

  it('goes over to the newest at once where the last good one ends, although the newest was refused before', async () => {
    await deliver();
    await rotate('two');
    await deliver();
    expect(gauge()).toBe(1);
    simulator.setCredentials([as('two')], { endSessions: true });
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(gauge()).toBe(0);
    expect(courier.circuits(source(), 'google')).toEqual(CLOSED);
  });

  it('starts with the edition before, where the newest is wrong and no good one was seen', async () => {
    await rotate('wrong');
    expect(await deliver()).toMatchObject({ kind: 'accepted' });
    expect(alarms()).toEqual(['the relay refuses the newest credential; the last good one is used']);
  });

  it('is a failure of the relay where nothing is left to try', async () => {
    simulator.setCredentials([as('other')]);
    expect(await deliver()).toMatchObject({ kind: 'refused', stage: 'auth', reply: { code: 535 } });
    expect(courier.circuits(source(), 'google').source).not.toBeNull();
    expect(secrets.rereads).toContain(PASS);
    expect(alarms()).toEqual(['the relay refuses every credential that is known; its mails wait']);
    expect(JSON.stringify(telemetry.logged)).not.toMatch(/one|other/);
  });
});

import { roles } from '../../../src/cli/roles.ts';
import { localTopology, portNames } from '../../../src/cli/topology.ts';
import { EMAIL_TYPES, QUEUES } from '../../../src/domain/policy.ts';

describe('what `up` runs', () => {
  const names = portNames([]);
  const port = (name: string) => 20_000 + names.indexOf(name);
  const { processes, simulatorSmtp } = localTopology(port);

  const running = processes.filter(({ args }) => args[0] === 'run');
  const valuesOf = (role: string, option: string) =>
    running
      .filter(({ roles }) => roles.includes(role))
      .flatMap(({ args }) => args[args.indexOf(option) + 1]?.split(',') ?? []);

  it('is every role', () => {
    const named = running.flatMap(({ args, roles }) => args.filter((arg) => roles.includes(arg)));
    expect([...new Set(named)].toSorted()).toEqual(Object.keys(roles).toSorted());
    expect(named.filter((role) => role !== 'router' && role !== 'worker')).toHaveLength(Object.keys(roles).length - 2);
  });

  it('is the router and the workers as processes of their own, with every type and queue once', () => {
    for (const role of ['router', 'worker']) {
      for (const { roles } of processes.filter(({ roles }) => roles.includes(role))) expect(roles).toEqual([role]);
    }
    expect(valuesOf('router', '--types').toSorted()).toEqual(EMAIL_TYPES.toSorted());
    expect(valuesOf('worker', '--queues').toSorted()).toEqual(QUEUES.toSorted());
  });

  it('sends to the simulator', () => {
    for (const { args, environment } of running) {
      const { POSTLANE_RELAY_HOST, POSTLANE_RELAY_PORT } = environment;
      expect([args, `${POSTLANE_RELAY_HOST}:${POSTLANE_RELAY_PORT}`]).toEqual([args, simulatorSmtp]);
    }
  });

  it('is one process with every role for each region, with doors of its own', () => {
    const regional = portNames(['eu', 'us']);
    const topology = localTopology((name) => 20_000 + regional.indexOf(name), ['eu', 'us']);
    const found = topology.processes.filter(({ args }) => args[0] === 'run');
    expect(found.map(({ name, environment }) => [name, environment.POSTLANE_REGION])).toEqual([
      ['eu', 'eu'],
      ['us', 'us'],
    ]);
    for (const { roles: own } of found) expect(own.toSorted()).toEqual(Object.keys(roles).toSorted());
    const ports = found.flatMap(({ environment }) =>
      Object.entries(environment).flatMap(([name, value]) => (/_PORT$/.test(name) ? [value] : [])),
    );
    // One of them is the relay's, which all send to.
    expect(new Set(ports).size).toBe(ports.length - 1);
    expect(ports).not.toContain('19999');
    expect(topology.regions.map(({ api }) => api)).toContain(topology.api);
  });

  it('has names and ports of its own for each', () => {
    expect(new Set(processes.map(({ name }) => name)).size).toBe(processes.length);
    expect(new Set(processes.map(({ readyUrl }) => readyUrl)).size).toBe(processes.length);
  });
});

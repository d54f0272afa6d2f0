import { roles } from '../../../src/cli/roles.ts';
import { localTopology, PORT_NAMES } from '../../../src/cli/topology.ts';

describe('what `up` runs', () => {
  const port = (name: (typeof PORT_NAMES)[number]) => 20_000 + PORT_NAMES.indexOf(name);
  const { processes, simulatorSmtp } = localTopology(port);

  it('is every role, once', () => {
    const running = processes.flatMap(({ args }) => (args[0] === 'run' ? args.slice(1) : []));
    expect(running.toSorted()).toEqual(Object.keys(roles).toSorted());
  });

  it('is the router and the workers as processes of their own', () => {
    for (const role of ['router', 'worker']) {
      expect(processes.filter(({ roles }) => roles.includes(role)).map(({ roles }) => roles)).toEqual([[role]]);
    }
  });

  it('sends to the simulator', () => {
    for (const { args, environment } of processes.filter(({ args }) => args[0] === 'run')) {
      const { POSTLANE_RELAY_HOST, POSTLANE_RELAY_PORT } = environment;
      expect([args, `${POSTLANE_RELAY_HOST}:${POSTLANE_RELAY_PORT}`]).toEqual([args, simulatorSmtp]);
    }
  });

  it('has names and ports of its own for each', () => {
    expect(new Set(processes.map(({ name }) => name)).size).toBe(processes.length);
    expect(new Set(processes.map(({ readyUrl }) => readyUrl)).size).toBe(processes.length);
  });
});

import { brokerProperties } from '../../../src/infra/native/broker.ts';
import { TransferTally } from '../../../src/infra/native/downloads.ts';
import { parseAddress } from '../../../src/infra/probes.ts';

const properties = (id: number, nodes: number): ReadonlyMap<string, string> => {
  const ports = Array.from({ length: nodes }, (_, index) => ({ clients: 20_001 + index, controller: 21_001 + index }));
  const lines = brokerProperties({ id, ports, directory: '/data' }).trim().split('\n');
  return new Map(lines.map((line) => line.split(/=(.*)/s) as [string, string]));
};

describe('brokerProperties', () => {
  it('listens on 127.0.0.1 only', () => {
    const own = properties(1, 1);
    expect(own.get('listeners')).toBe('CLIENTS://127.0.0.1:20001,CONTROLLER://127.0.0.1:21001');
    expect(own.get('advertised.listeners')).toBe('CLIENTS://127.0.0.1:20001');
  });

  it('lets one node do with one copy', () => {
    const own = properties(1, 1);
    for (const name of ['offsets.topic.replication.factor', 'transaction.state.log.min.isr', 'min.insync.replicas']) {
      expect([name, own.get(name)]).toEqual([name, '1']);
    }
  });

  it('makes three nodes one cluster that survives the loss of one', () => {
    const second = properties(2, 3);
    expect(second.get('node.id')).toBe('2');
    expect(second.get('controller.quorum.voters')).toBe('1@127.0.0.1:21001,2@127.0.0.1:21002,3@127.0.0.1:21003');
    expect(second.get('listeners')).toBe('CLIENTS://127.0.0.1:20002,CONTROLLER://127.0.0.1:21002');
    expect(second.get('transaction.state.log.replication.factor')).toBe('3');
    expect(second.get('transaction.state.log.min.isr')).toBe('2');
  });

  it('creates no topic by itself, and forgets no group within 30 days', () => {
    expect(properties(1, 1).get('auto.create.topics.enable')).toBe('false');
    expect(Number(properties(1, 1).get('offsets.retention.minutes'))).toBeGreaterThanOrEqual(30 * 24 * 60);
  });
});

describe('TransferTally', () => {
  it('adds up what Maven reports, also where a line comes in pieces', () => {
    const tally = new TransferTally();
    tally.read('[INFO] Downloading from central: x/a.jar\n[INFO] Downloaded from central: x/a.jar (6.5 MB at 1');
    expect(tally.files).toBe(0);
    tally.read('5 MB/s)\nDownloaded from central: x/b.pom (500 kB at 22 kB/s)\n');
    expect(tally.files).toBe(2);
    expect(tally.megabytes).toBeCloseTo(7);
  });
});

describe('parseAddress', () => {
  it.each([
    ['127.0.0.1:9092', { host: '127.0.0.1', port: 9092 }],
    [' broker.example:1 ', { host: 'broker.example', port: 1 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
  ])('reads %s', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each(['', 'broker', 'broker:', ':9092', 'broker:0', 'broker:65536', '::1:9092', 'broker:9092x'])(
    'refuses "%s"',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});

import { generateKeyPairSync } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/infra/ports.ts';
import { dkimRecord, generateDkimKey } from '../../../src/smtp/dkim.ts';
import type { MemoryRecord } from '../../../src/testing/memory-resolver.ts';
import { runCli } from '../../support/cli.ts';
import { NameServer } from '../../support/name-server.ts';
import { DOMAIN, FAULTS, rightZone, type TestKeys } from './faults.ts';

interface Report {
  readonly subject: string;
  readonly verdict: string;
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly what: string;
    readonly publish: { readonly type: string; readonly name: string; readonly value: string } | null;
    readonly zone: string | null;
  }[];
}

let directory: string;
let keys: TestKeys;
let server: NameServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'postlane-dns-'));
  const ours = await generateDkimKey('rsa-sha256');
  await writeFile(join(directory, 's1.pem'), ours.privateKey);
  const weak = generateKeyPairSync('rsa', { modulusLength: 768 }).publicKey;
  keys = { ours: ours.record, other: (await generateDkimKey('rsa-sha256')).record, weak: dkimRecord(weak) };
  server = await NameServer.start(rightZone(keys));
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

async function configure(resolver: string, timeout = '2s'): Promise<string> {
  const file = join(directory, 'postlane.yaml');
  await writeFile(
    file,
    `
sources:
  first: { mode: direct, local_address: 192.0.2.10, helo: out1.shop.test }
  second: { host: relay.test, helo: out2.shop.test }
  third: { host: relay.test, helo: out3.shop.test }
pools:
  transactional: { sources: [first] }
  notification: { sources: [second] }
  marketing: { sources: [third] }
inbound: { hostname: in.shop.test }
senders:
  domains:
    - name: shop.test
      return_path: bounces.shop.test
      dkim: [{ selector: s1, algorithm: rsa-sha256, private_key: "file:${directory}/s1.pem" }]
dns:
  resolver: { servers: ["${resolver}"], timeout: ${timeout} }
  deadline: 5s
  blocklists: [list.test]
  addresses:
    - { source: second, address: "2001:db8::10" }
`,
  );
  return file;
}

async function check(resolver = server.address, timeout?: string) {
  const args = ['dns', 'check', DOMAIN, '--json', '--config', await configure(resolver, timeout)];
  const { status, printed, told } = await runCli(args, { workingDirectory: directory });
  if (printed === '') throw new Error(told.join('\n'));
  const { reports } = JSON.parse(printed) as { reports: readonly Report[] };
  return { status, reports, findings: reports.flatMap(({ findings }) => findings) };
}

describe('dns check, over a real name server', () => {
  it('finds nothing in a zone that is right', async () => {
    await server.publish(rightZone(keys));
    const { status, reports } = await check();
    expect(reports).toEqual([
      { subject: 'shop.test', verdict: 'passes', findings: [] },
      { subject: 'outgoing', verdict: 'passes', findings: [] },
    ]);
    expect(status).toBe(0);
  });

  it.each(FAULTS.map((fault) => [fault.code, fault] as const))(
    'finds %s, and the record that cures it',
    async (code, fault) => {
      await server.publish(fault.plant(rightZone(keys), keys));
      const { findings } = await check();
      const found = findings.find((finding) => finding.code === code);
      expect({ planted: fault.planted, codes: findings.map((finding) => finding.code) }).toEqual({
        planted: fault.planted,
        codes: expect.arrayContaining([code]),
      });
      const { publish } = found as Report['findings'][number];
      const cure = fault.cure === null ? null : fault.cure(keys);
      expect(publish && [publish.type, publish.name, publish.value]).toEqual(cure);
    },
  );

  it.each(FAULTS.filter(({ cure }) => cure !== null).map((fault) => [fault.code, fault] as const))(
    'has nothing left of %s when its record is published',
    async (code, fault) => {
      const zone = fault.plant(rightZone(keys), keys);
      const [type, name, value] = (fault.cure as NonNullable<typeof fault.cure>)(keys);
      const isReplaced = (record: MemoryRecord): boolean =>
        record.name === name && (record.type === type || record.type === 'CNAME') && !record.value.startsWith('site-');
      const cured = [...zone.filter((record) => !isReplaced(record)), { name, type, value } as MemoryRecord];
      await server.publish(cured);
      const { findings } = await check();
      expect(findings.map((finding) => finding.code)).not.toContain(code);
    },
  );
});

describe('dns check, with a resolver that does not do its work', () => {
  let socket: Socket | null = null;
  afterEach(() => {
    socket?.close();
    socket = null;
  });

  async function badResolver(reply: (query: Buffer) => Buffer | null): Promise<string> {
    const opened = createSocket('udp4');
    socket = opened;
    opened.on('message', (query, from) => {
      const answer = reply(query);
      if (answer !== null) opened.send(answer, from.port, from.address);
    });
    opened.bind(0, '127.0.0.1');
    await once(opened, 'listening');
    return `127.0.0.1:${opened.address().port}`;
  }

  const header = (query: Buffer, flags: number, answers: number): Buffer => {
    const copy = Buffer.from(query);
    copy.writeUInt16BE(flags, 2);
    copy.writeUInt16BE(answers, 6);
    copy.writeUInt16BE(0, 10);
    const end = 12 + query.subarray(12).indexOf(0) + 5;
    return copy.subarray(0, end);
  };

  it('says so when nobody listens', async () => {
    const { status, findings } = await check(`127.0.0.1:${await freePort()}`, '300ms');
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['resolver-silent']));
    expect(status).toBe(2);
  });

  it('says so when it is silent', async () => {
    const { status, findings } = await check(await badResolver(() => null), '300ms');
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['resolver-silent']));
    expect(status).toBe(2);
  });

  it('says so when it goes silent in the middle of a check', async () => {
    let left = 3;
    const address = await badResolver((query) => (left-- > 0 ? header(query, 0x8183, 0) : null));
    const { findings } = await check(address, '200ms');
    expect(findings.map(({ code }) => code)).toContain('lookup-failed');
  });

  it('says so when it answers for names that cannot exist', async () => {
    const lie = Buffer.from('c00c00010001000000010004cb007109', 'hex');
    const address = await badResolver((query) => Buffer.concat([header(query, 0x8180, 1), lie]));
    const { status, findings } = await check(address);
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['resolver-lies']));
    expect(status).toBe(2);
  });

  it('says so when it refuses', async () => {
    const { status, findings } = await check(await badResolver((query) => header(query, 0x8185, 0)));
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['resolver-refuses']));
    expect(status).toBe(2);
  });

  it('says so when its answers are garbage', async () => {
    const { status, findings } = await check(
      await badResolver((query) => Buffer.concat([query.subarray(0, 2), Buffer.alloc(40, 0xff)])),
      '300ms',
    );
    expect(findings.every(({ severity }) => severity === 'unknown')).toBe(true);
    expect(status).toBe(2);
  });
});

import { suppressionProcessor } from '../../../../processors/reputation/index.ts';
import { suppressionRoutes } from '../../../../producers/http/suppressions.ts';
import type { Suppression } from '../../../../src/contracts/generated.ts';
import { topics } from '../../../../src/contracts/topic.ts';
import type { Caller } from '../../../../src/domain/api-key.ts';
import { PLAIN_NAMES, type RecipientNames, recipientNames } from '../../../../src/domain/recipient-names.ts';
import { emptySuppression, tenantRecipientSubject } from '../../../../src/domain/suppression.ts';
import { addressKeyOf } from '../../../../src/host/address-keys.ts';
import type { LogRecord } from '../../../../src/runtime/ports.ts';
import { MemoryCodec } from '../../../../src/testing/memory-codec.ts';

const NOW = 1_800_000_000_000;
const [OURS, OTHERS] = ['a key of ours that is long enough', 'a key of others, as long as that'].map((text) =>
  addressKeyOf(Buffer.from(text)),
) as [ReturnType<typeof addressKeyOf>, ReturnType<typeof addressKeyOf>];
const HASHED = recipientNames([OURS], true);
const ADA = 'ada@inbox.example';
const HASH = HASHED.nameOf(ADA);
const codec = new MemoryCodec();

const caller: Caller = {
  keyId: 'k-1',
  tenant: 'acme',
  scopes: new Set(['suppressions:read', 'suppressions:write']),
  requestsPerSecond: null,
  mailsPerDay: null,
};

/** The API of a process over rows that are folded as soon as something is said. */
class Api {
  readonly rows = new Map<string, Suppression>();
  appended: LogRecord[] = [];
  names: RecipientNames = PLAIN_NAMES;
  namesKnown = true;
  private readonly fold = suppressionProcessor();
  private ids = 0;
  private now = NOW;

  async call(operationId: string, given: object = {}) {
    const routes = suppressionRoutes({
      rows: {
        get: (subject) => this.rows.get(subject),
        page: (prefix, after, limit) =>
          [...this.rows]
            .filter(([key]) => key.startsWith(prefix) && (after === null || key > after))
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .slice(0, limit)
            .map(([key, row]) => ({ key, row })),
      },
      names: this.names,
      namesKnown: () => this.namesKnown,
      appender: { append: async (records: readonly LogRecord[]) => this.take(records) } as never,
      codec,
      clock: { now: () => ++this.now, sleep: () => Promise.resolve() },
      newId: () => `${++this.ids}`,
      importBytesMax: 1_000_000,
    });
    const route = routes.find((one) => one.operationId === operationId);
    const { status, body } = (await route?.handle({ caller, params: {}, query: {}, ...given } as never)) ?? {};
    return { status, body: body as { entries: { active: boolean }[] } & Record<string, unknown> };
  }

  private take(records: readonly LogRecord[]): never[] {
    this.appended.push(...records);
    for (const { key, value } of records) {
      const signal = codec.decode(topics.reputation, value as Buffer);
      if (!signal.ok) throw new Error(signal.detail);
      const subject = String(key);
      const record = { offset: 0, key: null, value: null, headers: {}, at: this.now };
      const before = this.rows.get(subject) ?? emptySuppression(subject);
      this.rows.set(subject, this.fold.step(before, { key: subject, value: signal.value, at: this.now, record }).state);
    }
    return [];
  }
}

describe('the suppression list of the API, by keyed hashes', () => {
  const add = (api: Api, why?: string) =>
    api.call('addSuppressions', { body: { addresses: ['Ada@Inbox.Example'], why } });
  const look = (api: Api, address = ADA) => api.call('getSuppression', { params: { address } });

  it('writes no address, and finds an address by itself and by its hash', async () => {
    const api = new Api();
    api.names = HASHED;
    expect(await add(api, `${ADA} wrote to us`)).toEqual({ status: 202, body: { recorded: 1 } });
    expect(api.appended.map(({ key }) => key)).toEqual([tenantRecipientSubject('acme', HASH)]);
    expect(JSON.stringify([...api.rows])).not.toContain(ADA);
    expect(Buffer.concat(api.appended.map(({ value }) => value as Buffer)).includes(ADA)).toBe(false);
    expect((await look(api)).body).toMatchObject({ address: ADA, suppressed: true });
    expect((await look(api, HASH)).body).toMatchObject({ address: HASH, suppressed: true });
    expect((await api.call('listSuppressions')).body).toMatchObject({ suppressions: [{ address: HASH }], next: null });
  });

  it('finds what was suppressed before hashing was switched on, and lifts it under every name', async () => {
    const api = new Api();
    await add(api);
    api.names = HASHED;
    expect((await look(api)).body.suppressed).toBe(true);
    await add(api);
    expect((await look(api)).body.entries).toHaveLength(2);
    api.appended = [];
    const lifted = await api.call('removeSuppression', { params: { address: ADA } });
    expect(lifted).toEqual({ status: 202, body: { recorded: 1 } });
    expect(api.appended.map(({ key }) => key)).toEqual([HASH, ADA].map((name) => tenantRecipientSubject('acme', name)));
    expect((await look(api)).body.suppressed).toBe(false);
  });

  it('says nothing of an address while it lacks a key that others hash by', async () => {
    const api = new Api();
    api.namesKnown = false;
    expect((await look(api)).status).toBe(503);
    expect((await api.call('removeSuppression', { params: { address: ADA } })).status).toBe(503);
    expect(api.appended).toEqual([]);
  });

  it('writes no address to lift what is not there', async () => {
    const api = new Api();
    api.names = HASHED;
    await api.call('removeSuppression', { params: { address: ADA } });
    expect(api.appended.map(({ key }) => key)).toEqual([tenantRecipientSubject('acme', HASH)]);
  });

  it('imports addresses and hashes of its own, and refuses the hashes of others', async () => {
    const api = new Api();
    api.names = HASHED;
    const theirs = recipientNames([OTHERS], true).nameOf(ADA);
    const csv = `address,severity,since,until,tenant,type,reason\n${HASH},manual,,,,,"as ${ADA} asked"\nbob@inbox.example,manual,,,,,\n${theirs},manual,,,,,\n`;
    async function* body() {
      yield Buffer.from(csv);
    }
    const { body: outcome } = await api.call('importSuppressions', { body: body() });
    expect(outcome).toMatchObject({ recorded: 2, refused: 1, errors: [{ line: 4, detail: 'key-unknown' }] });
    expect([...api.rows.keys()].sort()).toEqual(
      [HASH, HASHED.nameOf('bob@inbox.example')].map((name) => tenantRecipientSubject('acme', name)).sort(),
    );
    expect(JSON.stringify([...api.rows])).not.toContain('inbox.example');
    expect((await look(api)).body.suppressed).toBe(true);
    expect((await look(api, theirs)).status).toBe(422);
  });
});

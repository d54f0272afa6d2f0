import type { Evidence, Suppression } from '../../../src/contracts/generated.ts';
import type { EmailType } from '../../../src/domain/policy.ts';
import { addEvidence, emptySuppression, recipientSubject, suppresses } from '../../../src/domain/suppression.ts';
import {
  EXPORT_COLUMNS,
  exportedLines,
  isListHeader,
  suppressionReader,
} from '../../../src/domain/suppression-list.ts';
import { csvLine } from '../../../src/rows/csv-line.ts';
import { RowFile } from '../../../src/rows/open.ts';

async function read(...lines: string[]) {
  async function* bytes() {
    yield Buffer.from(lines.join('\r\n'));
  }
  const options = { format: 'csv' as const, encoding: null, delimiter: null, columns: null };
  const file = await RowFile.open({ path: bytes(), ...options, isHeader: isListHeader, isRagged: true });
  const reading = suppressionReader(file.columns ?? []);
  const entries = [];
  const refused = [];
  for await (const rows of file.rows()) {
    for (const row of rows) {
      const listed = row.ok ? reading(row.fields) : row;
      if (listed.ok) entries.push(listed.entry);
      else refused.push([row.line, listed.problem]);
    }
  }
  return { entries, refused };
}

describe('a list of suppressions', () => {
  it.each<[string, string[]]>([
    ['one address per line', ['Ada@X.example', 'bob@x.example']],
    ['addresses that look as if they were columns', ['ada@x.example', 'bob@x.example', '']],
    ['Amazon SES, as it is read by its import jobs', ['ada@x.example,BOUNCE', 'bob@x.example,COMPLAINT']],
    [
      'Amazon SES',
      ['EmailAddress,Reason,LastUpdateTime', 'ada@x.example,BOUNCE,2026-01-01', 'bob@x.example,COMPLAINT,2026-01-02'],
    ],
    [
      'SendGrid, bounces',
      [
        'status,reason,email,created',
        '5.1.1,"550 5.1.1, no such user",ada@x.example,1700000000',
        '5.1.1,x,bob@x.example,1',
      ],
    ],
    ['SendGrid, spam reports', ['email,ip,created', 'ada@x.example,192.0.2.1,1700000000', 'bob@x.example,,1700000001']],
    ['SendGrid, unsubscribes', ['email,created', 'ada@x.example,1700000000', 'bob@x.example,1700000001']],
    [
      'Mailgun, bounces',
      ['address,code,error,created_at', 'ada@x.example,550,"said ""no""",now', 'bob@x.example,550,,now'],
    ],
    ['Mailgun, unsubscribes', ['address,tags,created_at', 'ada@x.example,"[""*""]",now', 'bob@x.example,*,now']],
    [
      'Postmark',
      [
        '"EmailAddress","SuppressionReason","Origin","CreatedAt"',
        '"ada@x.example","HardBounce","Recipient","2019-12-17T08:58:33-05:00"',
        '"bob@x.example","ManualSuppression","Customer","2019-12-17T08:58:33-05:00"',
      ],
    ],
    ['a spreadsheet', ['E-Mail;Name', 'ada@x.example;Ada', 'bob@x.example;Bob']],
  ])('is read from %s', async (_, lines) => {
    const { entries, refused } = await read(...lines);
    expect(entries.map(({ address }) => address)).toEqual(['ada@x.example', 'bob@x.example']);
    expect(refused).toEqual([]);
  });

  it('keeps the reason', async () => {
    const { entries } = await read('status,reason,email', '5.1.1,"550 ""no"", says\nthe server",a@x.example');
    expect(entries[0]?.reason).toBe('550 "no", says\nthe server');
    expect((await read('a@x.example,BOUNCE')).entries[0]?.reason).toBe('BOUNCE');
  });

  it('reads nothing into the exports of others that only ours mean', async () => {
    const { entries } = await read('email,tenant,type,until', 'a@x.example,acme,bounce,never');
    expect(entries).toMatchObject([{ tenant: null, type: null, until: null }]);
  });

  it('is read whatever stands in its first line', async () => {
    expect((await read('email,email', 'a@x.example,b@x.example')).entries).toMatchObject([{ address: 'a@x.example' }]);
    expect((await read('')).entries).toEqual([]);
    expect((await read('"email', 'a@x.example')).entries).toMatchObject([{ address: 'a@x.example' }]);
  });

  it('tells the lines that are wrong', async () => {
    const ours = 'address,severity,since,until,tenant,type';
    expect((await read('email,reason', 'nobody,x', '', 'a@x.example,')).refused).toEqual([[2, 'address-invalid']]);
    expect((await read(ours, 'a@x.example,hard_bounce,,,,nonsense')).refused).toEqual([[2, 'type-unknown']]);
    expect((await read(ours, 'a@x.example,hard_bounce,,tomorrow,,')).refused).toEqual([[2, 'time-invalid']]);
  });
});

describe('an exported list', () => {
  const NOW = Date.parse('2030-01-01T00:00:00Z');
  const LATER = NOW + 1_000_000;
  const evidence = (over: Partial<Evidence>): Evidence => ({
    eventId: JSON.stringify(over),
    kind: 'suppression_added',
    at: NOW - 1_000,
    class: null,
    ruleVersion: null,
    severity: 'manual',
    binds: true,
    until: null,
    tenant: null,
    type: null,
    who: null,
    why: null,
    ...over,
  });
  const rowOf = (address: string, ...all: Partial<Evidence>[]): Suppression =>
    all.map(evidence).reduce((row, one) => addEvidence(row, one), emptySuppression(recipientSubject(address)));
  const exported = (row: Suppression) =>
    [EXPORT_COLUMNS, ...exportedLines(row, NOW)].map((line) => csvLine(line).trimEnd());

  it.each<[string, Partial<Evidence>[]]>([
    ['for ever', [{}]],
    ['for a while', [{ until: LATER }]],
    ['for one tenant', [{ tenant: 'acme' }]],
    ['for one type', [{ type: 'marketing' }]],
    [
      'for several, each as long as it is',
      [
        { tenant: 'acme', until: LATER },
        { tenant: 'other', type: 'marketing' },
      ],
    ],
    ['as the longest of two', [{ until: LATER }, { until: LATER + 5 }]],
    ['all but transactional mail', [{ kind: 'unsubscribed', severity: 'unsubscribe', tenant: 'acme' }]],
    ['not at all', [{ until: NOW - 1 }]],
  ])('binds the same when it is read again: %s', async (_, all) => {
    const before = rowOf('a@x.example', ...all);
    const { entries, refused } = await read(...exported(before));
    expect(refused).toEqual([]);
    const after = rowOf('a@x.example', ...entries.map(({ until, tenant, type }) => ({ until, tenant, type })));
    for (const tenant of ['acme', 'other', 'third']) {
      for (const type of ['transactional', 'notification', 'marketing'] as EmailType[]) {
        for (const at of [NOW, LATER - 1, LATER, LATER + 4, LATER + 5]) {
          expect([tenant, type, at, suppresses(after, tenant, type, at)]).toEqual([
            tenant,
            type,
            at,
            suppresses(before, tenant, type, at),
          ]);
        }
      }
    }
  });

  it('is no formula to a spreadsheet, and the same address and reason to us', async () => {
    const lines = exported(rowOf('=1+1@x.example', { why: '+49 called, "twice"' }));
    expect(lines[1]).toMatch(/^'=1\+1@x\.example,.*"'\+49 called, ""twice"""$/);
    expect((await read(...lines)).entries).toMatchObject([
      { address: '=1+1@x.example', reason: '+49 called, "twice"' },
    ]);
  });
});

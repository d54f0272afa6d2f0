import { csvField, readSuppressionList } from '../../../src/cli/suppression-list.ts';

const read = (...lines: string[]) => readSuppressionList(lines.join('\r\n'));

describe('a list of suppressions', () => {
  it.each<[string, string[]]>([
    ['one address per line', ['Ada@X.example', 'bob@x.example']],
    [
      'an export of ours',
      ['address,severity,since,reason', 'ada@x.example,complaint,2026-01-01T00:00:00Z,', 'bob@x.example,manual,,'],
    ],
    [
      'Amazon SES',
      ['EmailAddress,Reason,LastUpdateTime', 'ada@x.example,BOUNCE,2026-01-01', 'bob@x.example,COMPLAINT,2026-01-02'],
    ],
    [
      'SendGrid',
      ['email,reason,created', 'ada@x.example,"550 5.1.1, no such user",1700000000', 'bob@x.example,spam,1700000001'],
    ],
    ['Mailgun', ['address,code,error,created_at', 'ada@x.example,550,"said ""no""",now', 'bob@x.example,550,,now']],
    [
      'Postmark',
      [
        '"EmailAddress","SuppressionReason","Origin"',
        '"ada@x.example","HardBounce","Recipient"',
        '"bob@x.example","ManualSuppression","Customer"',
      ],
    ],
  ])('is read from %s', (_, lines) => {
    const { addresses, refused } = read(...lines);
    expect(addresses.map(({ address }) => address)).toEqual(['ada@x.example', 'bob@x.example']);
    expect(refused).toEqual([]);
  });

  it('keeps whom a row of ours binds, and reads nothing of the kind into the exports of others', () => {
    const ours = read(
      'address,severity,since,until,tenant,type,reason',
      'a@x.example,hard,,,acme,marketing,',
      'b@x.example,hard,,,,,',
    );
    expect(ours.addresses).toMatchObject([
      { tenant: 'acme', type: 'marketing' },
      { tenant: null, type: null },
    ]);
    expect(read('email,tenant,type', 'a@x.example,acme,bounce').addresses).toMatchObject([
      { tenant: null, type: null },
    ]);
    expect(read('address,severity,tenant,type', 'a@x.example,hard,,nonsense').refused).toEqual([2]);
  });

  it('keeps the reason, over commas, quotes and line breaks', () => {
    expect(read('email,reason', 'a@x.example,"one, ""two""\nthree"').addresses[0]?.reason).toBe('one, "two"\nthree');
  });

  it('tells the lines that hold no address', () => {
    expect(read('email,reason', 'nobody,x', '', 'a@x.example,').refused).toEqual([2]);
  });

  it('is no formula to a spreadsheet', () => {
    expect(csvField('=1+1@x.example')).toBe("'=1+1@x.example");
    expect(csvField('a "b", c')).toBe('"a ""b"", c"');
  });
});

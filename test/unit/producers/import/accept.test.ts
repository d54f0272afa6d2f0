import { acceptRow, type Mailing } from '../../../../producers/import/accept.ts';
import { compileMapping, type MappingRules, unknownTargets } from '../../../../producers/import/mapping.ts';
import { Pace } from '../../../../producers/import/pace.ts';
import { JOB_RULES_DEFAULT } from '../../../../src/domain/job.ts';
import { DAY_MS } from '../../../../src/domain/time.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const MAILING: Mailing = {
  importId: 'spring',
  tenant: 'acme',
  type: 'marketing',
  campaign: 'spring-2030',
  tags: ['news'],
  sendAt: null,
  content: { kind: 'template', id: 'spring', version: 3 },
};

function mapped(columns: readonly string[], fields: readonly string[], rules: Partial<MappingRules> = {}) {
  const compiled = compileMapping(columns, { mappings: [], keyColumn: null, variables: [], ...rules });
  return compiled.ok ? compiled.map(fields) : compiled;
}

const accepted = (
  columns: readonly string[],
  fields: readonly string[],
  rules: Partial<MappingRules> = {},
  mailing = MAILING,
) => {
  const result = mapped(columns, fields, rules);
  return result.ok ? acceptRow(result.row, 7, mailing, NOW, JOB_RULES_DEFAULT) : result;
};

describe('a row', () => {
  it('becomes a job whose id follows from the import and its line', () => {
    expect(
      accepted(['Email', 'First Name', 'secret'], ['ada@x.example', 'Ada', 's'], { variables: ['first_name'] }),
    ).toMatchObject({
      ok: true,
      record: { topic: { name: 'email.ingest.marketing' }, key: 'spring:7' },
      job: {
        id: 'spring:7',
        tenant: 'acme',
        recipient: 'ada@x.example',
        campaign: 'spring-2030',
        tags: ['news'],
        templateId: 'spring',
        templateVersion: 3,
        mergeData: [{ name: 'first_name', value: 'Ada' }],
      },
    });
  });

  it('takes its key from a column that was named', () => {
    const rules = { keyColumn: 'customer' };
    expect(accepted(['email', 'customer'], ['a@x.example', ' 4711 '], rules)).toMatchObject({
      job: { id: 'spring:4711' },
    });
    expect(accepted(['email', 'customer'], ['a@x.example', ''], rules)).toEqual({
      ok: false,
      problem: 'key-missing',
      detail: '',
    });
  });

  it.each<[string, string, string]>([
    ['recipient=To', 'recipient', 'b@x.example'],
    ['sendAt=When', 'sendAt', '2030-01-02T00:00:00Z'],
  ])('is mapped as told: %s', (_, target) => {
    const columns = ['email', 'To', 'When', 'Shoe size', 'Label'];
    const mappings = [
      { target: 'recipient', column: 'To' },
      { target: 'sendAt', column: 'When' },
      { target: 'metadata.size', column: 'Shoe size' },
      { target: 'tag', column: 'Label' },
    ];
    const result = accepted(columns, ['a@x.example', 'b@x.example', '2030-01-02T00:00:00Z', '44', 'vip'], { mappings });
    expect(result).toMatchObject({
      ok: true,
      job: { recipient: 'b@x.example', metadata: [{ name: 'size', value: '44' }], tags: ['news', 'vip'] },
    });
    if (target === 'sendAt') expect(result).toMatchObject({ job: { sendAt: NOW + DAY_MS } });
  });

  it('gives a variable its mapped column first, then the one of its name, then the only one that is alike', () => {
    const columns = ['email', 'name', 'First-Name', 'city', 'CITY '];
    const fields = ['a@x.example', 'Ann', 'Annie', 'Oslo', 'OSLO'];
    const merge = (rules: Partial<MappingRules>) => {
      const result = mapped(columns, fields, rules);
      return result.ok ? result.row.mergeData : result;
    };
    expect(merge({ variables: ['name', 'firstName', 'city', 'zip'] })).toEqual([
      { name: 'name', value: 'Ann' },
      { name: 'firstName', value: 'Annie' },
      { name: 'city', value: 'Oslo' },
    ]);
    expect(merge({ variables: ['City'] })).toEqual([]); // two are alike
    expect(merge({ variables: ['name'], mappings: [{ target: 'name', column: 'city' }] })).toEqual([
      { name: 'name', value: 'Oslo' },
    ]);
    expect(merge({ variables: ['subject'], mappings: [{ target: 'merge.subject', column: 'city' }] })).toEqual([
      { name: 'subject', value: 'Oslo' },
    ]);
  });

  it('leaves an empty field to the template', () => {
    expect(mapped(['email', 'name'], ['a@x.example', ''], { variables: ['name'] })).toMatchObject({
      row: { mergeData: [] },
    });
  });

  it('brings its own mail where no template makes it', () => {
    const mailing: Mailing = {
      ...MAILING,
      content: { kind: 'payload', payload: { from: 'Shop <s@shop.example>', text: 'Hi.' } },
    };
    const mappings = [{ target: 'subject', column: 'title' }];
    expect(accepted(['email', 'title'], ['a@x.example', 'News'], { mappings }, mailing)).toMatchObject({
      ok: true,
      job: { templateId: null, payload: { from: 'Shop <s@shop.example>', subject: 'News', text: 'Hi.' } },
    });
  });

  it.each<[string, readonly string[], Partial<MappingRules>, object]>([
    ['no address', ['nobody'], {}, { problem: 'recipient-invalid' }],
    ['a line break in it', ['a@x.example\nBcc: b@x.example'], {}, { problem: 'recipient-invalid' }],
    [
      'no column',
      [''],
      { mappings: [{ target: 'name', column: 'none' }] },
      { problem: 'column-missing', detail: 'none' },
    ],
    [
      'a time without a zone',
      ['2030-01-02T00:00'],
      {
        mappings: [
          { target: 'recipient', column: 'email' },
          { target: 'sendAt', column: 'email' },
        ],
      },
      { problem: 'time-invalid' },
    ],
  ])('is refused with %s', (_, fields, rules, expected) => {
    expect(accepted(['email'], fields, rules)).toMatchObject({ ok: false, ...expected });
  });

  it('is refused for a time too far ahead, and for a key that makes no id', () => {
    const late = { ...MAILING, sendAt: NOW + 31 * DAY_MS };
    expect(accepted(['email'], ['a@x.example'], {}, late)).toMatchObject({ ok: false, problem: 'send-at-invalid' });
    expect(accepted(['email', 'k'], ['a@x.example', 'x'.repeat(300)], { keyColumn: 'k' })).toMatchObject({
      problem: 'id-invalid',
    });
  });

  it('has no targets that mean nothing', () => {
    const mappings = ['recipient', 'metadata.x', 'merge.name', 'nmae', 'merge.x', 'metadata.'].map((target) => ({
      target,
      column: 'c',
    }));
    expect(unknownTargets({ mappings, variables: ['name'] })).toEqual(['nmae', 'merge.x', 'metadata.']);
  });
});

describe('a pace', () => {
  it('spaces rows evenly, and makes up for no more than a second', () => {
    const pace = new Pace(10);
    expect(pace.take(5, 0)).toBe(0);
    expect(pace.take(5, 0)).toBe(500);
    expect(pace.take(1, 500)).toBe(500);
    expect(pace.take(10, 60_000)).toBe(0);
    expect(pace.take(1, 60_000)).toBe(0);
    expect(pace.take(1, 60_000)).toBe(100);
  });

  it('holds nobody back where there is none', () => {
    const pace = new Pace(null);
    for (let n = 0; n < 3; n++) expect(pace.take(1_000_000, 5)).toBe(0);
  });
});

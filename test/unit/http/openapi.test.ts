import { emailRoutes } from '../../../producers/http/emails.ts';
import { EMAIL, EMAIL_SHOWN } from '../../../producers/http/schemas.ts';
import { suppressionRoutes } from '../../../producers/http/suppressions.ts';
import { templateRoutes } from '../../../producers/http/templates.ts';
import { trailRoutes } from '../../../producers/http/trails.ts';
import { webhookRoutes } from '../../../producers/http/webhooks.ts';
import { parseJob } from '../../../src/domain/job.ts';
import { completeJob } from '../../../src/domain/job-input.ts';
import { openApiDocument } from '../../../src/http/openapi.ts';
import { Validation } from '../../../src/http/validation.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly links?: Readonly<Record<string, Link>> }>>;
}
interface Link {
  readonly operationId: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Routes are described without being asked anything. */
const unasked = {} as never;
const routes = [
  ...emailRoutes(unasked, { jobBytesMax: 1, batchBytesMax: 1 }),
  ...suppressionRoutes(unasked),
  ...templateRoutes(unasked),
  ...webhookRoutes(unasked),
  ...trailRoutes(unasked),
];

const document = (shown: readonly Readonly<Record<string, unknown>>[] = []) =>
  openApiDocument(routes, { title: 't', description: 'd', version: '1', shared: [EMAIL], shown }) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  };

describe('the OpenAPI document', () => {
  it('leads from an answer to operations that exist and take what they are given', () => {
    const operations = Object.values(document().paths).flatMap((path) => Object.values(path));
    const links = operations.flatMap(({ operationId: from, responses }) =>
      Object.values(responses).flatMap((response) =>
        Object.values(response.links ?? {}).map((link) => ({ from, link })),
      ),
    );
    expect(new Set(links.map(({ from }) => from))).toEqual(new Set(['sendEmail', 'putTemplate', 'createWebhook']));
    for (const { link } of links) {
      const to = operations.find(({ operationId }) => operationId === link.operationId);
      const inPath = to?.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect({ link, inPath }).toEqual({ link, inPath: Object.keys(link.parameters) });
    }
  });

  it('shows a schema in place of the one that is checked, under its name', () => {
    const { $id: _, ...shown } = EMAIL_SHOWN;
    expect(document([EMAIL_SHOWN]).components.schemas.Email).toEqual(shown);
  });
});

describe('names that a caller gives', () => {
  it.each(['metadata', 'mergeData'])('are not __proto__ in %s, which no body may hold', (field) => {
    const judge = new Validation([EMAIL_SHOWN]).body({ $ref: 'Email' });
    const mail = (name: string) =>
      JSON.parse(`{"type": "marketing", "recipient": "a@b.example", "templateId": "t", "${field}": {"${name}": "x"}}`);
    expect(judge(mail('__proto__'))).toMatchObject({ field: `/${field}` });
    expect(judge(mail('proto'))).toBeNull();
  });
});

describe('a mail as it is shown', () => {
  const fault = new Validation([EMAIL_SHOWN]).body({ $ref: 'Email' });
  const mail = { type: 'marketing', recipient: 'ada@inbox.example' };
  const payload = { from: 'orders@shop.example', subject: 's' };

  it.each([
    ['a payload with html', { payload: { ...payload, html: '' } }, true],
    ['a payload with text', { payload: { ...payload, text: '' } }, true],
    ['a payload that says nothing', { payload }, false],
    ['a template', { templateId: 'news' }, true],
    ['both', { payload: { ...payload, text: '' }, templateId: 'news' }, false],
    ['neither', {}, false],
  ])('says of %s what the job itself is judged to be', (_, content, isGood) => {
    const whole = { ...mail, ...content };
    expect(fault(whole) === null).toBe(isGood);
    const job = completeJob({ ...whole, id: 'a-mail', tenant: 'default' } as never, () => 'another');
    expect(parseJob(job, Date.UTC(2026, 10, 28)).ok).toBe(isGood);
  });
});

/** Of a character beyond the first 65,536 that is written as two escapes. */
const CHARACTER_BYTES_MAX = 12;

/** Bytes of the longest JSON that fits a schema; Infinity where nothing bounds it. */
function widest(schema: Readonly<Record<string, unknown>>): number {
  const of = (part: unknown): number => widest((part ?? {}) as Readonly<Record<string, unknown>>);
  const { anyOf, enum: values, properties, additionalProperties, maxProperties, propertyNames, items } = schema;
  if (Array.isArray(values)) return Math.max(...values.map((value) => JSON.stringify(value).length));
  if (Array.isArray(anyOf) && properties === undefined) return Math.max(...anyOf.map(of));
  switch ([schema.type].flat().filter((type) => type !== 'null')[0]) {
    case 'string':
      return Number(schema.maxLength ?? Infinity) * CHARACTER_BYTES_MAX + 2;
    case 'array':
      return Number(schema.maxItems ?? Infinity) * (of(items) + 1) + 2;
    case 'object': {
      const named = Object.entries(properties ?? {}).reduce((sum, [name, each]) => sum + name.length + 4 + of(each), 2);
      if (additionalProperties === false) return named;
      return named + Number(maxProperties ?? Infinity) * (of(propertyNames) + of(additionalProperties) + 2);
    }
    case 'integer':
    case 'number':
      return 32;
    case 'boolean':
      return 5;
    default:
      return Infinity;
  }
}

/** Its merge data have a bound together, which no schema can say. */
const BOUNDED_ELSEWHERE = ['renderTemplate'];

describe('the bound of a body', () => {
  const bounded = routes.flatMap(({ operationId, body }) => {
    const bytes = body?.contentType === 'application/json' ? widest(body.schema) : Infinity;
    return body && bytes < Infinity && !BOUNDED_ELSEWHERE.includes(operationId)
      ? [{ operationId, bytes, bytesMax: body.bytesMax }]
      : [];
  });

  it('refuses nothing that fits the schema, however it is escaped', () => {
    expect(bounded.filter(({ bytes, bytesMax }) => bytes > bytesMax)).toEqual([]);
    expect(bounded.map(({ operationId }) => operationId)).toContain('createWebhook');
  });
});

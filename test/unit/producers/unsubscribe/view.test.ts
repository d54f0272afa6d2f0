import { type ViewParts, viewRoute } from '../../../../producers/unsubscribe/view.ts';
import type { ViewLink } from '../../../../src/domain/view-link.ts';
import { systemClock } from '../../../../src/host/clock.ts';
import { ownLinksOf } from '../../../../src/host/own-links.ts';
import { HttpServer } from '../../../../src/http/server.ts';
import { UnsubscribeLinks } from '../../../../src/smtp/unsubscribe-links.ts';
import { ViewLinks } from '../../../../src/smtp/view-links.ts';
import { compileTemplate, type FoundTemplate } from '../../../../src/templates/index.ts';
import { RecordingTelemetry } from '../../../../src/testing/recording-telemetry.ts';

const KEY = Buffer.from('a key of ours for links');
const BASE = 'https://shop.example/leave';
const current = { unsubscribe: new UnsubscribeLinks(BASE, [KEY]), view: new ViewLinks(BASE, [KEY]) };
const JOB: ViewLink = {
  id: 'job-1',
  tenant: 'acme',
  type: 'marketing',
  recipient: 'ada@inbox.example',
  templateId: 'newsletter',
  templateVersion: 3,
  mergeData: [{ name: 'name', value: '<Ada>' }],
};

function compiled(content: { readonly html: string | null; readonly text: string | null }): FoundTemplate {
  const rest = { from: 'a@shop.example', replyTo: null, unsubscribeLink: null, oneClick: false, headers: [] };
  const result = compileTemplate({ ...rest, subject: 'News for {{ name }}', ...content });
  if (!result.ok) throw new Error(result.fault.detail);
  return { kind: 'found', version: 3, template: result.template };
}
const HTML = compiled({
  html: '<p>Hello {{ name }}</p><a href="{{ view_url }}">in the browser</a><a href="{{ unsubscribe_url }}">no more</a>',
  text: null,
});

describe('a mail in the browser', () => {
  let server: HttpServer<null>;
  let telemetry: RecordingTelemetry;
  let known: FoundTemplate;
  let asked: unknown[];
  let catchUp: () => boolean;

  beforeEach(async () => {
    telemetry = new RecordingTelemetry();
    known = HTML;
    asked = [];
    catchUp = () => true;
    const parts: ViewParts = {
      path: current.view.path,
      read: (token) => current.view.read(token),
      templates: {
        find(...args) {
          asked = args;
          return known;
        },
        caughtUp: () => Promise.resolve(catchUp()),
      },
      links: ownLinksOf({ current }),
      telemetry,
    };
    server = await HttpServer.start<null>({
      host: '127.0.0.1',
      port: 0,
      routes: [viewRoute(parts)],
      document: { title: 'x', description: 'x', version: '1', shared: [] },
      authorize: () => Promise.resolve({ ok: true, caller: null }),
      admission: { requestsMax: 10, bytesMax: 1_000_000 },
      answerMsMax: 5_000,
      clock: systemClock,
      telemetry,
    });
  });
  afterEach(() => server.stop({ withinMs: 1_000 }));

  const open = async (link: string | null) => {
    const response = await fetch(new URL(new URL(link ?? '').pathname, server.url));
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  const told = (what: string) => telemetry.sum(`postlane_mail_views_total{"what":"${what}"}`);

  it('is what was sent: of its version, its values escaped, and with the same links', async () => {
    const link = current.view.linkOf(JOB) ?? '';
    const { status, headers, body } = await open(link);
    expect(status).toBe(200);
    expect(asked).toEqual(['acme', 'newsletter', 3]);
    expect(body).toContain('<p>Hello &lt;Ada&gt;</p>');
    expect(body).toContain(`<a href="${link}">`);
    expect(body).toContain(`<a href="${current.unsubscribe.linkOf(JOB)}">`);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(told('shown')).toBe(1);
  });

  it('runs nothing, and is kept and listed nowhere', async () => {
    const { headers } = await open(current.view.linkOf(JOB));
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^sandbox /);
    expect(policy).not.toMatch(/allow-scripts|allow-same-origin|allow-forms/);
    expect(policy).toContain("default-src 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-robots-tag')).toBe('noindex');
  });

  it('is its text where it has no HTML', async () => {
    known = compiled({ html: null, text: 'Hello {{ name }}' });
    expect((await open(current.view.linkOf(JOB))).body).toContain('Hello &lt;Ada&gt;');
  });

  it('is not shown where its template is gone, or asks for what the link does not hold', async () => {
    for (const gone of [
      { kind: 'unknown' } as const,
      { kind: 'deleted', last: 2 } as const,
      compiled({ html: null, text: '{{ city }}' }),
    ]) {
      known = gone;
      expect(await open(current.view.linkOf(JOB))).toMatchObject({ status: 404 });
    }
    expect(told('gone')).toBe(3);
  });

  it('is to be asked for again where it is not known yet which templates there are', async () => {
    known = { kind: 'unknown' };
    catchUp = () => false;
    const { status, headers } = await open(current.view.linkOf(JOB));
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
    catchUp = () => {
      known = HTML;
      return true;
    };
    expect(await open(current.view.linkOf(JOB))).toMatchObject({ status: 200 });
  });

  it('has a link that nobody else can make', async () => {
    const strange = new ViewLinks(BASE, [Buffer.from('the key of somebody else')]);
    expect(await open(strange.linkOf(JOB))).toMatchObject({ status: 404 });
    expect(told('unknown-link')).toBe(1);
  });
});

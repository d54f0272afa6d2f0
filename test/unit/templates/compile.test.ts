import type { Template } from '../../../src/contracts/generated.ts';
import { compileTemplate, joinPieces, renderTemplate } from '../../../src/templates/index.ts';

const content = (over: Partial<Template> = {}) => ({
  from: 'Shop <news@shop.example>',
  replyTo: null,
  subject: 'News',
  html: '<p>Hello</p>',
  text: null,
  unsubscribeLink: null,
  oneClick: false,
  headers: [],
  ...over,
});
const OWN = { recipient: 'ada@inbox.example', unsubscribe_url: null, view_url: null };

const compiled = (over: Partial<Template> = {}) => {
  const result = compileTemplate(content(over));
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.template;
};
const fault = (over: Partial<Template>) => {
  const result = compileTemplate(content(over));
  return result.ok ? null : result.fault.problem;
};
const render = (
  over: Partial<Template>,
  data: Readonly<Record<string, string>> = {},
  own: Partial<typeof OWN> | object = {},
) => {
  const mergeData = Object.entries(data).map(([name, value]) => ({ name, value }));
  const result = renderTemplate(compiled(over), mergeData, { ...OWN, ...own });
  if (!result.ok) return result.fault;
  const { html, text, ...mail } = result.mail;
  return { ...mail, html: html && joinPieces(html), text: joinPieces(text) };
};

describe('where a placeholder may stand', () => {
  it.each([
    ['text', '<p>{{ x }}</p>'],
    ['an attribute in double quotes', '<p title="a {{ x }} b">'],
    ['an attribute in single quotes', "<a href='{{ x }}'>"],
    ['a comment', '<!-- {{ x }} -->'],
    ['the title', '<title>{{ x }}</title>'],
    ['a conditional comment', '<!--[if mso]><td width="{{ x }}">{{ x }}</td><![endif]-->'],
    ['a style attribute', '<td style="color: {{ x }}">'],
    ['behind a sign that is no tag', '<p>1 < 2 {{ x }}</p>'],
    ['behind a style sheet', '<style>p > a { color: red }</style>{{ x }}'],
    ['a link whose beginning depends', '<a href="{% if x %}https://a.example{% else %}{{ y }}{% endif %}">'],
    ['a branch with whole tags', '{% if x %}<b>{{ x }}</b>{% else %}<i>no</i>{% endif %}'],
  ])('%s', (_, html) => expect(fault({ html })).toBeNull());

  it.each([
    ['an attribute without quotes', '<a href={{ x }}>'],
    ['a part of one', '<a href=https://a.example/{{ x }}>'],
    ['a tag', '<p {{ x }}>'],
    ['the name of a tag', '<{{ x }}>'],
    ['a closing tag', '</{{ x }}>'],
    ['a script', '<script>let a = "{{ x }}"</script>'],
    ['a style sheet', '<style>p { color: {{ x }} }</style>'],
    ['an event', '<a onclick="{{ x }}">'],
    ['a document in an attribute', '<iframe srcdoc="{{ x }}"></iframe>'],
    ['raw HTML in an attribute', '<p title="{{ x | raw }}">'],
    ['the name of an attribute', '<p data-{{ x }}="1">'],
  ])('not in %s', (_, html) => expect(fault({ html })).toBe('placeholder-misplaced'));

  it.each([
    ['opens a tag', '{% if x %}<p{% endif %}>'],
    ['opens an attribute', '<p title="{% if x %}"{% endif %}>'],
    ['opens a comment', '{% if x %}<!--{% endif %}'],
    ['opens a script', '{% if x %}<script>{% endif %}'],
  ])('not behind a branch that %s', (_, html) => expect(fault({ html })).toBe('branch-unbalanced'));
});

describe('what a template may hold', () => {
  it.each<[string, Partial<Template>, string]>([
    ['no content', { html: null, text: null }, 'content-missing'],
    ['no sender', { from: '' }, 'sender-invalid'],
    ['two senders', { from: 'a@b.example, c@d.example' }, 'sender-invalid'],
    ['a sender that is filled in', { from: '{{ who }}@shop.example' }, 'sender-not-fixed'],
    ['a sender whose address is filled in', { from: 'Shop <{{ who }}>' }, 'sender-not-fixed'],
    ['a line break in the subject', { subject: 'a\r\nBcc: x@y.example' }, 'text-forbidden'],
    ['a line break in a header', { headers: [{ name: 'X-A', value: 'a\nb' }] }, 'text-forbidden'],
    ['a header of ours', { headers: [{ name: 'DKIM-Signature', value: 'a' }] }, 'header-not-allowed'],
    ['a header’s name with a break', { headers: [{ name: 'X-A\r\nBcc', value: 'a' }] }, 'header-not-allowed'],
    ['an answer to nobody', { replyTo: 'nobody' }, 'reply-to-invalid'],
    ['a loop', { html: '{% for i in (1..9) %}{% endfor %}' }, 'syntax'],
    ['an inclusion', { html: '{% include "/etc/passwd" %}' }, 'syntax'],
    ['a rendering of a file', { html: '{% render "/etc/passwd" %}' }, 'syntax'],
    ['a layout', { html: '{% layout "x" %}' }, 'syntax'],
    ['an assignment', { html: '{% assign a = 1 %}' }, 'syntax'],
    ['a capture', { html: '{% capture a %}{% endcapture %}' }, 'syntax'],
    ['a filter that multiplies', { html: '{{ a | append: a }}' }, 'syntax'],
    ['a filter that reads the clock', { html: '{{ "now" | date: "%Y" }}' }, 'syntax'],
    ['what is not closed', { html: '{% if a %}' }, 'syntax'],
    ['branches without end', { html: '{% if a %}'.repeat(5_000) + '{% endif %}'.repeat(5_000) }, 'too-complex'],
    ['too many placeholders', { html: '{{ a }}'.repeat(1_001) }, 'too-complex'],
    ['too many filters', { html: `{{ a ${'| upcase '.repeat(1_001)}}}` }, 'too-complex'],
    ['too much', { html: 'x'.repeat(256 * 1_024 + 1) }, 'too-long'],
  ])('not %s', (_, over, problem) => expect(fault(over)).toBe(problem));

  it('names what it looks up', () => {
    expect(
      compiled({ subject: '{{ name }}', html: '{% if city %}{{ order.id }}{% endif %}{{ unsubscribe_url }}' })
        .variables,
    ).toEqual(['city', 'name', 'order.id', 'unsubscribe_url']);
  });
});

describe('a rendering', () => {
  it('takes branches, defaults and names inside of names', () => {
    const html =
      '{% if vip == "yes" %}A{% elsif city %}B{{ city }}{% else %}C{% endif %}{{ none | default: "D" }}{{ a.b.c }}';
    expect(render({ html }, { 'a.b.c': 'E' })).toMatchObject({ html: 'CDE' });
    expect(render({ html }, { 'a.b.c': 'E', city: '' })).toMatchObject({ html: 'BDE' });
    expect(render({ html }, { 'a.b.c': 'E', vip: 'yes' })).toMatchObject({ html: 'ADE' });
  });

  it('misses what is not there, by its whole name', () => {
    expect(render({ subject: '{{ name }}' })).toMatchObject({ problem: 'variable-missing', field: 'mergeData.name' });
    expect(render({ subject: '{{ order.id }}' })).toMatchObject({
      problem: 'variable-missing',
      field: 'mergeData.order.id',
    });
    expect(render({ subject: '{{ name }}' }, { name: '' })).toMatchObject({ subject: '' });
  });

  it('derives a text from the HTML, with links, lists and branches', () => {
    const html =
      '<html><head><title>T</title><style>p{}</style></head><body><h1>Hi {{ name }}</h1><p>One &amp; two<br>three</p>' +
      '<ul><li>a</li><li>b</li></ul>{% if x %}<p>X: <a href="https://a.example/?q={{ x | url_encode }}">here</a></p>{% endif %}' +
      '<img src="cid:logo" alt="Logo {{ name }}"><script>no</script><!-- no --></body></html>';
    expect(render({ html }, { name: '<Ada>', x: 'a b' })).toMatchObject({
      text: 'Hi <Ada>\n\nOne & two\nthree\n\n- a\n- b\n\nX: here (https://a.example/?q=a+b)\n\nLogo <Ada>\n',
    });
  });

  it('says in the text what raw HTML says', () => {
    expect(render({ html: '<p>{{ terms | raw }}</p>' }, { terms: '<b>bold</b> &amp; more' })).toMatchObject({
      html: '<p><b>bold</b> &amp; more</p>',
      text: 'bold & more\n',
    });
  });

  it('takes the mail’s own unsubscribe link, then the template’s, then the pipeline’s', () => {
    const html = '<a href="{{ unsubscribe_url }}">x</a>';
    const unsubscribeLink = 'https://t.example/{{ recipient | url_encode }}';
    const own = { unsubscribe_url: 'https://p.example/1' };
    const mails = [
      render({ html, unsubscribeLink }, { unsubscribe_url: 'https://m.example/' }, own),
      render({ html, unsubscribeLink }, {}, own),
      render({ html }, {}, own),
    ];
    const links = ['https://m.example/', 'https://t.example/ada%40inbox.example', 'https://p.example/1'];
    mails.forEach((mail, n) => {
      expect(mail).toMatchObject({ unsubscribeLink: links[n], html: `<a href="${links[n]}">x</a>` });
    });
    expect(render({ html })).toMatchObject({ problem: 'variable-missing', field: 'mergeData.unsubscribe_url' });
    expect(render({ html }, { unsubscribe_url: 'javascript:1' })).toMatchObject({
      problem: 'unsubscribe-link-invalid',
    });
  });

  it('lets no value reach the address of the sender', () => {
    const from = '"{{ shop }}, \\"the best\\"" <news@shop.example>';
    expect(render({ from }, { shop: 'X" <evil@evil.example>, "' })).toMatchObject({
      from: { name: 'X" <evil@evil.example>, ", "the best"', mailbox: { local: 'news', domain: 'shop.example' } },
    });
  });
});

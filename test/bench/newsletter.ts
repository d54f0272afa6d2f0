import type { EmailJobInput } from '../../src/domain/job-input.ts';
import type { EmailType } from '../../src/domain/policy.ts';
import type { TemplateContent } from '../../src/domain/template.ts';
import { compileTemplate, joinPieces, renderTemplate } from '../../src/templates/index.ts';
import { SENDER_DOMAIN, SITES } from './mails.ts';

/** How a newsletter gets to its recipients: as a template's id and merge data, or whole, with a body of its own. */
export type NewsletterArm = 'templated' | 'unique';

export const TEMPLATE_ID = 'newsletter';
const HTML_BYTES = 50 * 1_024;

const WORDS = 'this week we have found for you what others are still looking for so take a seat and read on'.split(' ');

/** What a designer's tool makes of a newsletter: tables, styles in every tag, links, and a few words of text. */
function htmlSource(): string {
  let html =
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{{ name }}’s week</title></head>\n<body>\n';
  html += '<p>Dear {{ name }},</p>\n{% if city %}<p>this is new in {{ city }}:</p>{% endif %}\n';
  for (let n = 0; html.length < HTML_BYTES - 400; n++) {
    const words = Array.from({ length: 24 }, (_, word) => WORDS[(n * 7 + word * 3) % WORDS.length]).join(' ');
    html += `<table role="presentation" width="600" cellpadding="0" cellspacing="0"><tr><td style="padding: 16px 24px; font-family: Helvetica, Arial, sans-serif; font-size: 15px; line-height: 22px; color: #1f2933;">\n<h2 style="margin: 0 0 8px 0; font-size: 20px;">Number ${n}</h2>\n<p style="margin: 0 0 12px 0;">${words}</p>\n<a href="https://${SENDER_DOMAIN}/articles/${n}?from=newsletter" style="color: #0b69a3; text-decoration: underline;">Read on</a>\n</td></tr></table>\n`;
    if (n === 20) html += '<p>Your code: <b>{{ code }}</b></p>\n';
  }
  return `${html}<p><a href="{{ unsubscribe_url }}">Unsubscribe {{ recipient }}</a></p>\n</body></html>\n`;
}

export const newsletter = (): TemplateContent => ({
  from: `Shop <hello@${SENDER_DOMAIN}>`,
  replyTo: null,
  subject: '{{ name }}, your week',
  html: htmlSource(),
  text: null,
  unsubscribeLink: `https://${SENDER_DOMAIN}/unsubscribe/{{ code }}`,
  oneClick: true,
  headers: [],
});

const recipientOf = (index: number): string => `user${index}@${SITES[index % SITES.length]}`;
const mergeDataOf = (index: number): Readonly<Record<string, string>> => ({
  name: `Person ${index}`,
  city: index % 2 ? 'Vienna' : '',
  code: (index * 7_919 + 17).toString(36),
});

/**
 * Cuts what the renderer makes of the newsletter at its values, so that whoever sends it whole has hardly anything to do
 * for a mail: what is compared is the way, not two renderers.
 */
class Cut {
  private readonly parts: Readonly<Record<'html' | 'text', readonly (readonly string[])[]>>;

  constructor(content: TemplateContent) {
    const compiled = compileTemplate(content);
    if (!compiled.ok) throw new Error(`the newsletter is no template: ${compiled.fault.detail}`);
    const made = [0, 1].map((city) => {
      const mergeData = [
        { name: 'name', value: '§name§' },
        { name: 'city', value: city ? 'Vienna' : '' },
        { name: 'code', value: '§code§' },
      ];
      const own = {
        recipient: '§recipient§',
        unsubscribe_url: `https://${SENDER_DOMAIN}/unsubscribe/CODE`,
        view_url: null,
      };
      const rendered = renderTemplate({ ...compiled.template, unsubscribeLink: null }, mergeData, own);
      if (!rendered.ok) throw new Error(rendered.fault.detail);
      const cut = (text: string): readonly string[] =>
        text.replaceAll('/unsubscribe/CODE', '/unsubscribe/§code§').split('§');
      return { html: cut(joinPieces(rendered.mail.html ?? [])), text: cut(joinPieces(rendered.mail.text)) };
    });
    this.parts = { html: made.map(({ html }) => html), text: made.map(({ text }) => text) };
  }

  fill(part: 'html' | 'text', index: number): string {
    const values: Readonly<Record<string, string>> = { ...mergeDataOf(index), recipient: recipientOf(index) };
    const cut = this.parts[part][values.city === '' ? 0 : 1] as readonly string[];
    return cut.map((piece, n) => (n % 2 ? (values[piece] ?? '') : piece)).join('');
  }
}

/** Makes the jobs of a newsletter; the two arms send mails that say the same. */
export function newsletterJobs(arm: NewsletterArm, run: string, type: EmailType): (index: number) => EmailJobInput {
  if (arm === 'templated') {
    return (index) => ({
      id: `${run}-${index}`,
      type,
      recipient: recipientOf(index),
      templateId: TEMPLATE_ID,
      templateVersion: 1,
      mergeData: mergeDataOf(index),
    });
  }
  const content = newsletter();
  const cut = new Cut(content);
  return (index) => {
    const { name, code } = mergeDataOf(index) as { name: string; code: string };
    return {
      id: `${run}-${index}`,
      type,
      recipient: recipientOf(index),
      payload: {
        from: content.from,
        subject: `${name}, your week`,
        html: cut.fill('html', index),
        text: cut.fill('text', index),
        unsubscribeLink: `https://${SENDER_DOMAIN}/unsubscribe/${code}`,
        oneClick: true,
      },
    };
  };
}

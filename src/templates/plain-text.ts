import { htmlText } from '../domain/feedback/html-text.ts';

/** Marks a piece of markup while the HTML around it is taken apart: characters that no text means anything by. */
const OPEN = '\ue000';
const CLOSE = '\ue001';
const MARKED = /\ue000(\d+)\ue001/g;
/** A line of nothing but markup: where it is tags, it says nothing, and must leave no empty line. */
const TAGS_ALONE = /^((?:\ue000\d+\ue001)+)\n+/gm;
const MARKUP = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;
const LINE_BREAK = '\ue002';

/**
 * The text part of a template that has none: what its HTML says, with its placeholders and branches where they were.
 * Links are written behind what they are on. Costs are linear in the length.
 */
export function plainTextSource(html: string): string {
  const markup: string[] = [];
  const marked = html.replace(/[\ue000-\ue002]/g, ' ').replace(MARKUP, (found) => {
    markup.push(found);
    return `${OPEN}${markup.length - 1}${CLOSE}`;
  });
  const text = tidied(htmlText(withoutComments(withTargets(marked.replace(/[ \t\r\n]+/g, ' ')))));
  const joined = text.replace(TAGS_ALONE, (whole, tags: string) =>
    [...tags.matchAll(MARKED)].every(([, index]) => markup[Number(index)]?.startsWith('{%')) ? tags : whole,
  );
  return joined.replace(MARKED, (_, index: string) => plainMarkup(markup[Number(index)] as string));
}

/** What a template puts out as HTML is, in a text, what that HTML says. */
const plainMarkup = (markup: string): string =>
  markup.startsWith('{{') ? markup.replace(/\|\s*raw\s*(?=-?\}\}$)/, '| html_to_text ') : markup;

function withoutComments(html: string): string {
  let text = '';
  let at = 0;
  for (let open = html.indexOf('<!--'); open >= 0; open = html.indexOf('<!--', at)) {
    const close = html.indexOf('-->', open);
    text += html.slice(at, open);
    if (close < 0) return text;
    at = close + 3;
  }
  return text + html.slice(at);
}

const TAG = /<(\/?[a-z][a-z0-9]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>/gi;

const attributeOf = (attributes: string, name: string): string | null => {
  const found = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(attributes);
  return found ? (found[1] ?? found[2] ?? found[3] ?? '').trim() : null;
};

/** Links, pictures, list items and paragraphs as text; the other tags are taken away afterwards. */
function withTargets(html: string): string {
  const targets: (string | null)[] = [];
  return html.replace(TAG, (whole, tag: string, attributes: string) => {
    switch (tag.toLowerCase()) {
      case 'a':
        targets.push(attributeOf(attributes, 'href'));
        return '';
      case '/a': {
        const target = targets.pop() ?? null;
        return target === null || target === '' || target.startsWith('#') ? '' : ` (${target})`;
      }
      case 'img':
        return attributeOf(attributes, 'alt') ?? '';
      case 'li':
        return `${LINE_BREAK}- `;
      // The next item, or what comes behind the list, begins a line by itself.
      case '/li':
        return '';
      case 'ul':
      case '/ul':
      case 'ol':
      case '/ol':
      case 'p':
      case '/p':
      case 'h1':
      case 'h2':
      case 'h3':
      case '/h1':
      case '/h2':
      case '/h3':
        return `${LINE_BREAK}${LINE_BREAK}`;
      default:
        return whole;
    }
  });
}

function tidied(text: string): string {
  const lines = text
    .replaceAll(LINE_BREAK, '\n')
    .split('\n')
    .map((line) => line.replace(/[ \t\u00a0]+/g, ' ').trim());
  const kept = lines.filter((line, n) => line !== '' || (n > 0 && lines[n - 1] !== ''));
  return `${kept.join('\n').trim()}\n`;
}

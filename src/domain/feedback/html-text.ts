const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  rsquo: '’',
  lsquo: '‘',
  rdquo: '”',
  ldquo: '“',
  ndash: '–',
  mdash: '—',
  hellip: '…',
};

/** The names that HTML has for U+00A0 … U+00FF, in their order (HTML 4.01 section 24.2.1). */
const LATIN_1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';
const LATIN_1_POINTS = new Map(LATIN_1.split(' ').map((name, index) => [name, 0xa0 + index]));

function named(name: string): string | undefined {
  const point = LATIN_1_POINTS.get(name);
  if (point === undefined) return NAMED[name.toLowerCase()];
  return name === 'nbsp' ? ' ' : String.fromCodePoint(point);
}

const entity = (whole: string, name: string): string => {
  if (!name.startsWith('#')) return named(name) ?? whole;
  const hex = /^#x/i.test(name);
  const point = Number.parseInt(name.slice(hex ? 2 : 1), hex ? 16 : 10);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : ' ';
};

const isBreak = (tag: string): boolean => /^\/?(?:br|p|div|tr|li|h[1-6]|table|pre|hr|blockquote)\b/i.test(tag);
const isHidden = (tag: string): string | null => /^(style|script|head|title)\b/i.exec(tag)?.[1]?.toLowerCase() ?? null;

/** What a page of HTML says, line by line: notices of some servers have no plain text. Costs are linear in its length. */
export function htmlText(html: string): string {
  const lower = html.toLowerCase();
  // Hidden elements that never end are looked for once only.
  const endless = new Set<string>();
  let text = '';
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) break;
    text += html.slice(at, open);
    const close = html.indexOf('>', open);
    if (close < 0) {
      at = html.length;
      break;
    }
    const tag = html.slice(open + 1, close);
    // Servers write addresses in pointed brackets into HTML, too: that is no tag.
    if (tag.length < 320 && /^[^\s"'=]+@[^\s"'=]+$/.test(tag)) text += `<${tag}>`;
    else if (isBreak(tag)) text += '\n';
    else text += /^\/?t[dh]\b/i.test(tag) ? ' ' : '';
    at = close + 1;
    const hidden = isHidden(tag);
    if (hidden === null || endless.has(hidden)) continue;
    const end = lower.indexOf(`</${hidden}`, at);
    if (end >= 0) at = end;
    else endless.add(hidden);
  }
  return (text + html.slice(at)).replace(/&(#?\w{1,8});/g, entity);
}

/**
 * Where a place in an HTML text is, as far as a value that is put there is concerned.
 *
 * - *text*: between tags. An escaped value stays text.
 * - *tag*: in a tag, outside of any attribute's value. No escaping helps.
 * - *assigned*: right behind an attribute's `=`. A quote begins a quoted value, anything else a bare one.
 * - *bare*: in a value without quotes. A space would end it, so no escaping helps.
 * - *double*, *single*: in a quoted value. An escaped value cannot end it.
 * - *comment*: in a comment. An escaped value cannot end it.
 * - *foreign*: in a script or a style sheet, which do not know HTML's escapes.
 */
export type HtmlPlace = 'text' | 'tag' | 'assigned' | 'bare' | 'double' | 'single' | 'comment' | 'foreign';

export interface HtmlState {
  readonly place: HtmlPlace;
  /** Of the tag that is open, or whose content is foreign; lower case. */
  readonly element: string;
  /** Of the attribute whose value is open; lower case. */
  readonly attribute: string;
  /** False where the open attribute's value has no character of the template yet. */
  readonly started: boolean;
}

export const HTML_START: HtmlState = { place: 'text', element: '', attribute: '', started: false };

const FOREIGN: ReadonlySet<string> = new Set(['script', 'style', 'xmp', 'iframe', 'noembed', 'noframes', 'plaintext']);
const NAME = /^\/?[a-z][a-z0-9:-]*/i;
const ATTRIBUTE = /([^\s"'<>/=]*)\s*$/;
const CONDITION_OPEN = /^<!--\s*\[if\b[^\]]*\]>(?:<!-->|-->)?/i;
const CONDITION_CLOSE = /^<!(?:--\s*)?(?:<!)?\[endif\](?:--)?>/i;

/** Reads on through a literal of the template. Costs are linear in its length. */
export function readHtml(state: HtmlState, literal: string): HtmlState {
  let { place, element, attribute, started } = state;
  let at = 0;
  while (at < literal.length) {
    switch (place) {
      case 'text': {
        const open = literal.indexOf('<', at);
        if (open < 0) return { place, element: '', attribute: '', started: false };
        const rest = literal.slice(open, open + 200);
        // What stands between conditional comments is HTML to the mail programs that they are made for.
        const condition = CONDITION_OPEN.exec(rest) ?? CONDITION_CLOSE.exec(rest);
        if (condition) {
          at = open + condition[0].length;
          break;
        }
        if (rest.startsWith('<!--')) {
          place = 'comment';
          at = open + 4;
          break;
        }
        const [name] = NAME.exec(rest.slice(1)) ?? [];
        // At the end of a literal a value may follow, and be the name.
        if (name === undefined && rest.length > 1 && !/^<[/!?]/.test(rest)) {
          at = open + 1;
          break;
        }
        place = 'tag';
        element = (name ?? '').toLowerCase();
        at = open + 1 + (name?.length ?? 0);
        break;
      }
      case 'tag': {
        const end = nextOf(literal, at, '>="\'');
        if (end < 0) return { place, element, attribute: '', started: false };
        const found = literal[end];
        if (found === '>') place = FOREIGN.has(element) ? 'foreign' : 'text';
        else if (found === '=') {
          attribute = (ATTRIBUTE.exec(literal.slice(Math.max(at, end - 100), end))?.[1] ?? '').toLowerCase();
          place = 'assigned';
        }
        started = false;
        at = end + 1;
        break;
      }
      case 'assigned': {
        const character = literal[at] as string;
        if (/\s/.test(character)) at++;
        else if (character === '>') place = 'tag';
        else if (character === '"' || character === "'") {
          place = character === '"' ? 'double' : 'single';
          at++;
        } else place = 'bare';
        break;
      }
      case 'bare': {
        const end = literal.slice(at).search(/[\s>]/);
        if (end < 0) return { place, element, attribute, started: true };
        place = 'tag';
        at += end;
        break;
      }
      case 'double':
      case 'single': {
        const end = literal.indexOf(place === 'double' ? '"' : "'", at);
        if (end < 0) return { place, element, attribute, started: started || literal.slice(at).trim() !== '' };
        place = 'tag';
        at = end + 1;
        break;
      }
      case 'comment': {
        const end = literal.indexOf('-->', at);
        if (end < 0) return { place, element: '', attribute: '', started: false };
        place = 'text';
        at = end + 3;
        break;
      }
      case 'foreign': {
        const end = literal.toLowerCase().indexOf(`</${element}`, at);
        if (end < 0) return { place, element, attribute: '', started: false };
        place = 'tag';
        element = '';
        at = end + 2;
        break;
      }
    }
  }
  const inValue = place === 'assigned' || place === 'bare' || place === 'double' || place === 'single';
  return {
    place,
    element: place === 'text' || place === 'comment' ? '' : element,
    attribute: inValue ? attribute : '',
    started: inValue && started,
  };
}

function nextOf(text: string, from: number, characters: string): number {
  for (let at = from; at < text.length; at++) if (characters.includes(text[at] as string)) return at;
  return -1;
}

/** What a value must be where it stands. */
export type ValueKind = 'plain' | 'link' | 'style';

const LINK_ATTRIBUTES: ReadonlySet<string> = new Set([
  'action',
  'background',
  'cite',
  'data',
  'formaction',
  'href',
  'longdesc',
  'poster',
  'src',
  'srcset',
  'xlink:href',
]);

/** What is asked of a value at this place; null: no value can be put here safely. */
export function kindAt({ place, attribute, started }: HtmlState): ValueKind | null {
  if (place === 'text' || place === 'comment') return 'plain';
  if (place !== 'double' && place !== 'single') return null;
  // What is in them is a program, or another document.
  if (attribute.startsWith('on') || attribute === 'srcdoc') return null;
  if (attribute === 'style') return 'style';
  return LINK_ATTRIBUTES.has(attribute) && !started ? 'link' : 'plain';
}

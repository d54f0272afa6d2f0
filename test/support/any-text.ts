import fc from 'fast-check';

const SURROGATES_FROM = 0xd800;
const SURROGATES = 0x800;
const CODE_POINT_MAX = 0x10ffff;

const characterAt = (place: number): string =>
  String.fromCodePoint(place < SURROGATES_FROM ? place : place + SURROGATES);

function placeOf(character: unknown): number {
  const point = typeof character === 'string' ? (character.codePointAt(0) ?? -1) : -1;
  const place = point < SURROGATES_FROM ? point : point - SURROGATES;
  if (place < 0 || characterAt(place) !== character) throw new Error('not one character');
  return place;
}

/**
 * Any character there is. The very values of fast-check's `unit: anyCharacter`, in the same order; that one lists all million of
 * them before its first text, which takes a second in each suite.
 */
export const anyCharacter = fc.nat({ max: CODE_POINT_MAX - SURROGATES }).map(characterAt, placeOf);

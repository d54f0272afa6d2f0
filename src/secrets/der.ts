/** Just enough of DER (ITU-T X.690) to write an X.509 certificate. */

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;

/** Tag, length and content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content);
  const { length } = bytes;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), bytes]);
  const lengthBytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), bytes]);
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => element(SEQUENCE, ...content);
export const set = (...content: readonly Uint8Array[]): Buffer => element(SET, ...content);
export const utf8String = (text: string): Buffer => element(UTF8_STRING, Buffer.from(text, 'utf8'));
export const octetString = (bytes: Uint8Array): Buffer => element(OCTET_STRING, bytes);
export const bitString = (bytes: Uint8Array): Buffer => element(BIT_STRING, Buffer.from([0]), bytes);
/** Of octets whose first bit is not set: a positive number. */
export const integer = (bytes: Uint8Array): Buffer => element(INTEGER, bytes);

/** `[number] EXPLICIT`, or IMPLICIT over something constructed. */
export const tagged = (number: number, ...content: readonly Uint8Array[]): Buffer => element(0xa0 | number, ...content);

/** `[number] IMPLICIT` over octets. */
export const taggedPrimitive = (number: number, bytes: Uint8Array): Buffer => element(0x80 | number, bytes);

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const part of others) {
    const digits = [part & 0x7f];
    for (let rest = part >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(OBJECT_IDENTIFIER, Buffer.from(bytes));
}

/** Whole seconds, UTC. */
export const generalizedTime = (at: Date): Buffer =>
  element(GENERALIZED_TIME, Buffer.from(`${at.toISOString().replace(/\.\d+Z$|[-:T]/g, '')}Z`, 'latin1'));

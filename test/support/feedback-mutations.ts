import type { Random } from './random.ts';

/** Pieces that have brought down parsers before, or that readers of bounces look for. */
const HOSTILE: readonly string[] = [
  '\u0000',
  '\r',
  '\n\n',
  '=?utf-8?B?////?=',
  '@',
  '<<<<<<<<',
  'Content-Type: multipart/mixed; boundary="b"\n\n--b\n',
  '--==report-1\n',
  '--==report-1--\n',
  'Final-Recipient: rfc822; \n',
  'Status: 5.1.1\n',
  'Action: \n',
  '550 5.1.1 ',
  '<style>',
  '<!--',
  '&#x110000;',
  'Content-Transfer-Encoding: base64\n',
  'Content-Type: text/plain; charset=iso-2022-kr\n',
  '{"a":',
  '[[',
  '\u001b$B',
  '\ud83d',
];
/** Long runs find what is not linear. */
const REPEATED: readonly string[] = [
  'a',
  '@',
  '<',
  '>',
  ' ',
  '\n',
  '-',
  '=',
  '.',
  '5.1.1 ',
  'user ',
  'a@b.c ',
  '[',
  '{"a":',
  '>',
  '\t',
  '5',
];
const RUN_LENGTH_MAX = 20_000;

const splice = (bytes: Buffer, at: number, removed: number, put: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);

function mutateOnce(bytes: Buffer, others: readonly Uint8Array[], random: Random): Buffer {
  const at = random.between(0, bytes.length + 1);
  const length = random.between(0, 400);
  switch (random.between(0, 8)) {
    case 0:
      return splice(bytes, at, length, Buffer.alloc(0));
    case 1:
      return splice(bytes, at, 0, bytes.subarray(at, at + length));
    case 2:
      return splice(bytes, at, 0, Buffer.from(random.pick(HOSTILE)));
    case 3: {
      const noise = Buffer.from(Array.from({ length: random.between(1, 30) }, () => random.between(0, 256)));
      return splice(bytes, at, noise.length, noise);
    }
    case 4: {
      const other = Buffer.from(random.pick(others));
      const from = random.between(0, other.length + 1);
      return splice(bytes, at, 0, other.subarray(from, from + random.between(0, 3_000)));
    }
    case 5:
      return bytes.subarray(0, at);
    case 6: {
      const flipped = Buffer.from(bytes);
      for (let flips = random.between(1, 20); flips > 0 && flipped.length > 0; flips--) {
        flipped[random.between(0, flipped.length)] = random.between(0, 256);
      }
      return flipped;
    }
    default: {
      if (random.next() < 0.8) return bytes;
      const piece = random.pick(REPEATED);
      return splice(bytes, at, 0, Buffer.from(piece.repeat(random.between(1, RUN_LENGTH_MAX / piece.length))));
    }
  }
}

/** One sample of the corpus with a few faults in it. */
export function mutated(samples: readonly Uint8Array[], random: Random): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(samples));
  for (let faults = random.between(1, 6); faults > 0; faults--) bytes = mutateOnce(bytes, samples, random);
  return bytes;
}

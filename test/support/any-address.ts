import fc from 'fast-check';
import { parseMailbox } from '../../src/domain/address.ts';

const atoms = fc.constantFrom(
  'ada',
  'Ada',
  "o'neill",
  'a+b',
  'x=y',
  'user',
  'unknown',
  'spam/x',
  '用户',
  '{}|',
  'a.b',
  '40',
  '%40a',
);
const quoted = fc
  .constantFrom('john doe', 'a@b', 'q"q', 'b\\s', 'a,b', ' ', '<x>')
  .map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`);
const domain = fc.constantFrom(
  'inbox.example',
  'Mail.Inbox.Example',
  'bücher.example',
  'localhost',
  'xn--bcher-kva.example',
);

/** Addresses that can be mailed, odd ones among them. */
export const anyAddress = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.array(atoms, { minLength: 1, maxLength: 3 }).map((all) => all.join('.')) },
      quoted,
    ),
    domain,
  )
  .map(([local, host]) => `${local}@${host}`)
  .filter((address) => parseMailbox(address).ok);

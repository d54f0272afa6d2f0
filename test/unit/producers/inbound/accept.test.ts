import { type AddressRules, accept, formatFor } from '../../../../producers/inbound/accept.ts';
import { forger, NOW, RETURN_PATH_DOMAIN, returnPathOf, splitTools } from '../../../support/feedback.ts';

const rules: AddressRules = {
  domains: new Set([RETURN_PATH_DOMAIN]),
  verify: splitTools.verify,
  addresses: new Map([['fbl@shop.example', 'arf']]),
};
const upper = (address: string) => address.toUpperCase();

describe('an address', () => {
  it.each([
    ['a signed return path', returnPathOf('job-1'), 'dsn'],
    ['the same in capitals, as some servers write it', upper(returnPathOf('job-1')), 'dsn'],
    ['one that is configured', 'FBL@shop.example', 'arf'],
    ['a return path of another key', returnPathOf('job-1', 'default', forger), null],
    ['a signed local part at another domain', returnPathOf('job-1').replace(RETURN_PATH_DOMAIN, 'x.example'), null],
    ['one without a token', `b@${RETURN_PATH_DOMAIN}`, null],
    ['anything else there', `postmaster@${RETURN_PATH_DOMAIN}`, null],
    ['no domain', 'b', null],
    ['nothing', '', null],
  ])('%s', (_, address, expected) => {
    expect(formatFor(address, rules)).toBe(expected);
  });

  it('is the plain return path where there is no key', () => {
    expect(formatFor(`b@${RETURN_PATH_DOMAIN}`, { ...rules, verify: null })).toBe('dsn');
    expect(formatFor(returnPathOf('job-1'), { ...rules, verify: null })).toBeNull();
  });
});

describe('a mail', () => {
  const mail = {
    recipients: [returnPathOf('job-1'), 'fbl@shop.example', 'x@y.example'],
    sender: '',
    peer: null,
    bytes: Buffer.from('a'),
  };

  it('becomes a raw record per address of ours', () => {
    const records = accept(mail, rules, splitTools.hash, NOW);
    expect(records.map(({ value }) => value)).toMatchObject([
      { route: 'inbound', format: 'dsn', recipient: returnPathOf('job-1'), at: NOW, body: Buffer.from('a') },
      { route: 'inbound', format: 'arf', recipient: 'fbl@shop.example' },
    ]);
  });

  it('has the same key when it is sent again, and no other mail has', () => {
    const keys = (bytes: string) =>
      accept({ ...mail, bytes: Buffer.from(bytes) }, rules, splitTools.hash, NOW + 1).map(({ key }) => key);
    expect(keys('a')).toEqual(accept(mail, rules, splitTools.hash, NOW).map(({ key }) => key));
    expect(new Set([...keys('a'), ...keys('b')]).size).toBe(4);
  });
});

import {
  checkShapingRules,
  SHAPING_RULES,
  type ShapingRule,
  shapingRuleOf,
} from '../../../src/domain/shaping-rules.ts';
import { checkSiteRules, SITE_RULES, siteRuleOf } from '../../../src/domain/site-rules.ts';
import { MINUTE_MS } from '../../../src/domain/time.ts';

const siteOf = (...hosts: string[]) => siteRuleOf(hosts, SITE_RULES)?.id ?? null;

describe('the table of sites', () => {
  it('has nothing wrong with it', () => expect(checkSiteRules(SITE_RULES)).toEqual([]));

  it.each([
    [['gmail-smtp-in.l.google.com', 'alt1.gmail-smtp-in.l.google.com'], 'google'],
    [['aspmx.l.google.com', 'aspmx2.googlemail.com'], 'google'],
    // One host of its own among them: whoever runs that one has the say.
    [['aspmx.l.google.com', 'mx.vanity.example'], null],
    [['shop-example.mail.protection.outlook.com'], 'microsoft'],
    // A suffix is one of labels.
    [['mx.notgoogle.com'], null],
    [['google.com'], null],
    [[], null],
  ])('knows %j as %s', (hosts, site) => expect(siteOf(...hosts)).toBe(site));

  it('is told what is wrong with a rule', () => {
    const [first] = SITE_RULES;
    if (first === undefined) throw new Error('there are rules');
    const bad = { ...first, id: 'bad', mx: ['.nobody.example'], why: 'short', samples: ['mx.elsewhere.example'] };
    expect(checkSiteRules([first, first, bad]).map(({ rule, problem }) => `${rule}: ${problem}`)).toEqual([
      'google: there is another site of this name',
      'bad: has the lane of a provider, and not its name',
      'bad: does not say why',
      'bad: does not match its own sample "mx.elsewhere.example"',
    ]);
  });
});

describe('what replies ask for', () => {
  const rule = (site: string, code: number, enhancedCode: string | null, text: string) =>
    shapingRuleOf({ code, enhancedCode, text }, site)?.id ?? null;

  it('has nothing wrong with it', () => {
    expect(checkShapingRules(SHAPING_RULES, new Set(SITE_RULES.map(({ id }) => id)))).toEqual([]);
  });

  it.each([
    ['yahoo', 421, '4.7.0', '[TSS04] Messages from 1.2.3.4 temporarily deferred', 'yahoo-complaints'],
    ['google', 421, '4.7.28', 'Gmail has detected an unusual rate of email', 'google-rate'],
    ['elsewhere', 421, '4.7.0', '[TSS04] something else', null],
    ['elsewhere', 421, null, 'Too many concurrent connections', 'too-many-connections'],
    // Greylisting asks for patience with one mail, not for a slower pace.
    ['elsewhere', 451, '4.7.1', 'Greylisted, please try again later', null],
    ['elsewhere', 452, '4.2.2', 'Mailbox full', null],
    // Final is about the mail.
    ['elsewhere', 550, '5.7.1', 'rate limit exceeded for good', null],
  ])('%s: %s %s %s', (site, code, enhanced, text, id) => expect(rule(site, code, enhanced, text)).toBe(id));

  it('is told what is wrong with a rule', () => {
    const bad: ShapingRule = {
      id: 'bad',
      sites: ['nowhere'],
      text: /x/,
      action: { kind: 'suspend', forMs: 0 },
      why: '',
      samples: ['421 y'],
    };
    expect(checkShapingRules([bad], new Set(['google'])).map(({ problem }) => problem)).toEqual([
      'does not say why',
      'does not end within a day',
      'is for the site "nowhere", which does not exist',
      'does not match its own sample "421 y"',
    ]);
    expect(
      checkShapingRules(
        [
          {
            ...bad,
            sites: null,
            why: 'a reason that is long enough',
            samples: ['421 x'],
            action: { kind: 'suspend', forMs: MINUTE_MS },
          },
        ],
        new Set(),
      ),
    ).toEqual([]);
  });
});

import fc from 'fast-check';
import { namesIn, REGION_NAME } from '../../../src/contracts/region.ts';
import { everyTopic } from '../../../src/host/every-topic.ts';

const name = fc.stringMatching(REGION_NAME);

describe('names in a region', () => {
  it('are as the code has them where there are no regions', () => {
    const names = namesIn(null);
    for (const topic of everyTopic()) {
      expect([names.topic(topic.name), names.known(topic.name)]).toEqual([topic.name, topic.name]);
    }
    expect(names.group('postlane.delay')).toBe('postlane.delay');
  });

  it('say the region in their first word, and lead back', () => {
    const names = namesIn('eu');
    expect(names.topic('email.send.marketing.google')).toBe('email-eu.send.marketing.google');
    expect(names.known('email-eu.send.marketing.google')).toBe('email.send.marketing.google');
    expect(names.group('postlane.router.marketing')).toBe('postlane-eu.router.marketing');
    expect(names.group('order-service')).toBe('postlane-eu.order-service');
  });

  it('are never another region’s, nor those of nobody', () => {
    fc.assert(
      fc.property(name, name, fc.constantFrom(...everyTopic()), (one, other, topic) => {
        fc.pre(one !== other);
        const theirs = namesIn(other).topic(topic.name);
        expect(namesIn(one).known(theirs)).toBeNull();
        expect(namesIn(one).topic(topic.name)).not.toBe(theirs);
        expect(namesIn(one).known(topic.name)).toBeNull();
        expect(namesIn(one).group(topic.name)).not.toBe(namesIn(other).group(topic.name));
        // Neither is one of them a prefix of the other, which an ACL for prefixes would take for the same.
        expect(theirs.startsWith(`email-${one}.`)).toBe(false);
        expect(theirs).toMatch(/^[a-z0-9.-]{1,249}$/);
      }),
    );
  });

  it('are refused for what is no topic of the pipeline, and for a region that no topic can be called after', () => {
    expect(() => namesIn('eu').topic('orders')).toThrow(/only topics of the pipeline/);
    expect(() => namesIn('eu').topic('email-us.ingest.marketing')).toThrow(/only topics of the pipeline/);
    for (const bad of ['', 'EU', 'eu.west', '-eu', 'eu-', 'e'.repeat(32)]) expect(() => namesIn(bad)).toThrow(/a name/);
  });
});

import {
  deadLettered,
  skip,
  TEMPLATE_WAIT_MS,
  type TemplateState,
  type Views,
} from '../../../processors/worker/plan.ts';
import type { Unit } from '../../../processors/worker/unit.ts';
import type { DeadLetter, DeliveryResult } from '../../../src/contracts/generated.ts';
import { readEnvelope } from '../../../src/domain/envelope.ts';
import { parseJob } from '../../../src/domain/job.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/domain/time.ts';
import { jobOf } from '../smtp/support.ts';

const ACCEPTED_AT = 1_800_000_000_000;

function unitOf(sendAt: number | null = null): Unit {
  const parsed = parseJob(jobOf(null, { type: 'marketing', templateId: 'news', sendAt }), ACCEPTED_AT);
  if (!parsed.ok) throw new Error(parsed.problem);
  return {
    job: parsed.job,
    envelope: readEnvelope({}, ACCEPTED_AT),
    lane: { queue: 'marketing', provider: 'google' },
    site: 'google',
    bytes: Buffer.from('as it came'),
    expiresAt: ACCEPTED_AT + 3 * DAY_MS,
    place: 'email.send.marketing.google/1/7',
    source: null,
    learned: null,
    state: 'queued',
  };
}
const views = (state: TemplateState): Views => ({
  suppressionsOf: () => [],
  cancellationOf: () => undefined,
  templateOf: () => state,
});
const unknownAsOf = (knownAt: number) => views({ kind: 'unknown', knownAt });

describe('a mail whose template the worker does not know', () => {
  it('is sent once it does', () => {
    expect(skip(unitOf(), views({ kind: 'ready' }), ACCEPTED_AT)).toBeNull();
  });

  it('waits on the ladder, without an attempt, ever longer', () => {
    const now = ACCEPTED_AT + SECOND_MS;
    const outputs = skip(unitOf(), unknownAsOf(now), now);
    expect(outputs).toHaveLength(1);
    expect(outputs?.[0]?.topic.name).toBe('email.delay.15s');
    const later = ACCEPTED_AT + 5 * MINUTE_MS;
    expect(skip(unitOf(), unknownAsOf(later), later)?.[0]?.topic.name).toBe('email.delay.1m');
  });

  it('is a dead letter once the table is known not to have had it in time', () => {
    const now = ACCEPTED_AT + TEMPLATE_WAIT_MS;
    const [end, letter] = skip(unitOf(), unknownAsOf(now), now) ?? [];
    expect(end?.value as DeliveryResult).toMatchObject({
      ending: 'dead_lettered',
      class: 'template-unknown',
      attempt: 0,
    });
    expect(letter?.value as DeadLetter).toMatchObject({
      topic: 'email.send.marketing.google',
      partition: 1,
      offset: 7,
      reason: 'template-unknown',
      value: Buffer.from('as it came'),
    });
  });

  it('goes on waiting while the worker cannot read the table', () => {
    const now = ACCEPTED_AT + HOUR_MS;
    const outputs = skip(unitOf(), unknownAsOf(ACCEPTED_AT + TEMPLATE_WAIT_MS - 1), now);
    expect(outputs?.map(({ topic }) => topic.name)).toEqual(['email.delay.1m']);
    expect(skip(unitOf(), unknownAsOf(Number.NEGATIVE_INFINITY), now)).toHaveLength(1);
  });

  it('has from its own time on to wait for it, not from when it was accepted', () => {
    const sendAt = ACCEPTED_AT + DAY_MS;
    const now = sendAt + MINUTE_MS;
    expect(skip(unitOf(sendAt), unknownAsOf(now), now)?.[0]?.topic.name).toMatch(/^email\.delay\./);
  });
});

it('what cannot be made into a mail ends, and is kept as it came', () => {
  const outputs = deadLettered(unitOf(), 'variable-missing', 'mergeData.name: subject needs it', ACCEPTED_AT);
  expect(outputs.map(({ topic }) => topic.name)).toEqual(['email.results.marketing', 'email.dead-letters']);
});

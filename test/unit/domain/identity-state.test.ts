import fc from 'fast-check';
import { REPUTATION_RULES } from '../../../processors/reputation/index.ts';
import { foldIdentity, type ReputationRules } from '../../../processors/reputation/step.ts';
import type { Allowance, ReputationSignal, ReputationState, Score } from '../../../src/contracts/generated.ts';
import { dueAt, emptyState } from '../../../src/domain/identity-state.ts';
import { identityRules } from '../../../src/domain/reputation-rules.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/domain/time.ts';
import { aboutIdentity, identityEvents, inDisorder } from '../../support/identity-events.ts';

const START = 1_700_006_400_000; // a midnight, UTC
const SOURCE = 'identity:source:new-1|google';
const rules: ReputationRules = { ...REPUTATION_RULES, identity: identityRules({ warmUp: { sources: ['new-1'] } }) };

/** Everything that came out of some events about one identity. */
class Story {
  state: ReputationState;
  readonly scores: Score[] = [];
  readonly allowances: Allowance[] = [];
  private readonly subject: string;

  constructor(subject = SOURCE) {
    this.subject = subject;
    this.state = emptyState(subject);
  }

  tell(...events: readonly ReputationSignal[]): this {
    for (const event of events) {
      const { state, score, allowance } = foldIdentity(this.state, event, event.at, rules);
      this.state = state;
      if (score) this.scores.push(score);
      if (allowance) this.allowances.push(allowance);
    }
    return this;
  }

  private made = 0;
  at(at: number, kind: Parameters<typeof aboutIdentity>[1], times = 1, count = 1): this {
    for (let n = 0; n < times; n++) {
      this.tell(aboutIdentity(this.subject, kind, at, { eventId: `${kind}-${this.made++}`, count }));
    }
    return this;
  }

  /** Lets time pass as the ticker does: exactly when something is due. */
  until(at: number): this {
    for (let due = dueAt(this.state, rules.identity.score); due !== null && due <= at; ) {
      this.at(due, 'ticked');
      const next = dueAt(this.state, rules.identity.score);
      if (next !== null && next <= due) throw new Error('a tick changed nothing');
      due = next;
    }
    return this;
  }
}

describe('the score of an identity', () => {
  it('is judged when the minute is closed, and not before', () => {
    const story = new Story().at(START + 5_000, 'sent_counted', 1, 900).at(START + 6_000, 'bounced', 100);
    expect(dueAt(story.state, rules.identity.score)).toBe(START + 2 * MINUTE_MS);
    story.at(START + 2 * MINUTE_MS - 1, 'ticked');
    expect(story.scores).toEqual([]);
    story.at(START + 2 * MINUTE_MS, 'ticked');
    expect(story.scores).toMatchObject([{ subject: SOURCE, score: 0, action: 'throttle', at: START + MINUTE_MS }]);
    expect(JSON.parse(story.scores[0]?.figures ?? '')).toMatchObject({ sent: 900, bounced: 100 });
    expect(story.scores[0]?.changes).toEqual([
      {
        at: START + MINUTE_MS,
        score: 0,
        action: 'throttle',
        sent: 900,
        bounced: 100,
        complained: 0,
        deferred: 0,
      },
    ]);
  });

  it('is not judged by less than the minimum volume', () => {
    const story = new Story()
      .at(START, 'sent_counted', 1, 40)
      .at(START, 'bounced', 50)
      .until(START + HOUR_MS);
    expect(story.scores).toEqual([]);
  });

  it('recovers after good hours, with hysteresis, and an empty window is a new beginning', () => {
    const story = new Story()
      .at(START, 'sent_counted', 1, 900)
      .at(START, 'bounced', 36)
      .until(START + MINUTE_MS * 2);
    expect(story.state.action).toBe('throttle');
    let hour = 1;
    for (; story.state.score < 0.7; hour++) {
      story.at(START + hour * HOUR_MS, 'sent_counted', 1, 100).until(START + (hour + 1) * HOUR_MS - 1);
    }
    expect(story.state.action).toBe('throttle');
    for (; story.state.score < 0.85; hour++) {
      story.at(START + hour * HOUR_MS, 'sent_counted', 1, 100).until(START + (hour + 1) * HOUR_MS - 1);
    }
    expect(story.state.action).toBe('none');
    const silent = new Story()
      .at(START, 'sent_counted', 1, 900)
      .at(START, 'bounced', 100)
      .until(START + 3 * DAY_MS);
    expect(silent.scores.map(({ score, action }) => [score, action])).toEqual([
      [0, 'throttle'],
      [1, 'none'],
    ]);
    expect(silent.scores[1]?.at).toBe(START + DAY_MS + HOUR_MS);
  });

  it('counts what comes after its minute was closed in the oldest open one, and copies not at all', () => {
    const story = new Story('identity:domain:x.example|other').at(START + HOUR_MS, 'sent_counted', 1, 200);
    const late = aboutIdentity('identity:domain:x.example|other', 'bounced', START);
    story.tell(late, late, late);
    expect(story.state.open.map(({ minute, bounced }) => [minute * MINUTE_MS - START, bounced])).toEqual([
      [HOUR_MS - MINUTE_MS, 1],
      [HOUR_MS, 0],
    ]);
  });

  it('ignores what is not authenticated, and refusals that are not the sender’s fault', () => {
    const story = new Story();
    story.tell(aboutIdentity(SOURCE, 'complained', START, { authenticated: false }));
    const full = { smtpCode: 552, enhancedCode: '5.2.2', reply: 'mailbox full' };
    story.tell(aboutIdentity(SOURCE, 'bounced', START, full));
    expect(story.state).toEqual(emptyState(SOURCE));
  });
});

describe('the allowance of a new source', () => {
  it('begins with its first mail, and follows day by day', () => {
    const story = new Story();
    for (let day = 0; day < 4; day++) {
      const volume = story.state.warmUp?.volume ?? 100;
      story.at(START + day * DAY_MS + HOUR_MS, 'sent_counted', 1, volume).until(START + (day + 1) * DAY_MS);
    }
    story.until(START + 4 * DAY_MS + MINUTE_MS);
    expect(story.allowances.map(({ volume }) => volume)).toEqual([100, 120, 144, 172, 206]);
    expect(story.allowances[1]).toMatchObject({
      day: START / DAY_MS + 1,
      at: START + DAY_MS,
      days: [{ day: START / DAY_MS, volume: 100, sent: 100, verdict: 'raised' }],
    });
  });

  it('is nobody else’s', () => {
    const story = new Story('identity:source:old-1|google').at(START, 'sent_counted', 9, 100).until(START + 9 * DAY_MS);
    expect(story.allowances).toEqual([]);
    expect(
      new Story('identity:domain:new-1|google').at(START, 'sent_counted', 9, 100).until(START + DAY_MS).allowances,
    ).toEqual([]);
  });

  it('closes the days of a long silence one by one', () => {
    const active = new Story().at(START, 'sent_counted', 1, 100).at(START + DAY_MS, 'sent_counted', 1, 120);
    const ticked = new Story()
      .tell()
      .at(START, 'sent_counted', 1, 100)
      .at(START + DAY_MS, 'sent_counted', 1, 120);
    active.at(START + 50 * DAY_MS, 'sent_counted');
    ticked.until(START + 50 * DAY_MS).at(START + 50 * DAY_MS, 'sent_counted');
    expect(active.state.warmUp).toEqual(ticked.state.warmUp);
    expect(active.state.warmUp).toMatchObject({ volume: 100, idleDays: 47 });
  });
});

describe('folding the signals of an identity', () => {
  it('gives the same state and the same last rows in any order and with any copies within the lateness bound', () => {
    fc.assert(
      fc.property(
        identityEvents(START + 9 * DAY_MS, 9 * DAY_MS, 60),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (all, chances) => {
          const events = all.map((event) => ({ ...event, subject: SOURCE }));
          const calm = new Story().tell(...events);
          const chance = () => chances.next().value as number;
          const stormy = new Story().tell(...inDisorder(events, rules.identity.score.latenessMs, 3, chance));
          expect(JSON.stringify(stormy.state)).toBe(JSON.stringify(calm.state));
          expect(stormy.scores).toEqual(calm.scores);
          expect(stormy.allowances.at(-1)).toEqual(calm.allowances.at(-1));
        },
      ),
      { numRuns: 500 },
    );
  });
});

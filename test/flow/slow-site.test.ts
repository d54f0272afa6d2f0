import { dueAt } from '../../processors/delay/step.ts';
import { Dispatcher } from '../../processors/worker/dispatcher.ts';
import { postponed } from '../../processors/worker/plan.ts';
import type { Unit } from '../../processors/worker/unit.ts';
import { readEnvelope, writeEnvelope } from '../../src/domain/envelope.ts';
import type { Job } from '../../src/domain/job.ts';
import { type DelayTier, nextTier } from '../../src/domain/ladder.ts';
import type { Source } from '../../src/domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/domain/time.ts';
import { ShareLimits } from '../../src/limits/share-limits.ts';
import type { StoredRecord } from '../../src/runtime/ports.ts';
import { Raw } from '../../src/runtime/processor.ts';
import { aJob } from '../../src/testing/builders.ts';
import { dispatcherPorts } from '../support/dispatcher-ports.ts';

/**
 * A flood for one slow site, on a virtual clock: the real dispatcher, limits, ladder rule and release rule, with queues of
 * due times in place of topics. `POSTLANE_LADDER_UNITS=1000000` tells the whole story of the design; fewer show it too.
 */
const UNITS = Number(process.env.POSTLANE_LADDER_UNITS ?? 5_000);
/** Hours of work for the site; below the maximum age of 72. */
const WORK_HOURS = UNITS >= 1_000_000 ? 55 : 8;
const RATE_PER_MINUTE = UNITS / (WORK_HOURS * 60);
const READ_PER_SECOND = 2_000;
const CIRCULATIONS_MAX = 6;
const START = 1_700_000_000_000;

const source = { name: 's', connectionsMax: 1_000 } as Source;
const job = { address: 'a@slow.example', folded: 'a@slow.example', type: 'marketing', content: aJob() } as Job;

interface Waiting {
  readonly record: StoredRecord;
  writes: number;
}

it(
  `sends ${UNITS} mails to one slow site at its rate, and none goes round the ladder more than ${CIRCULATIONS_MAX} times`,
  async () => {
    const limits = new ShareLimits();
    limits.setShare('marketing.other', 1);
    const dispatcher = new Dispatcher(
      dispatcherPorts({
        limits,
        sources: [source],
        limitsOf: () => ({ connectionsMax: 1_000, messagesPerConnectionMax: 100, ratePerMinute: RATE_PER_MINUTE }),
        sharedBy: () => ['marketing.other'],
        postpone: () => {
          throw new Error('a limit of this rate never blocks for long');
        },
      }),
    );
    const due = new Map<number, Waiting[]>();
    const written = new Map<Unit, number>();
    const tally = { sent: 0, circulationsMax: 0, writesMax: 0, writes: 0 };
    let now = START;

    const climb = (waiting: Waiting, tier: DelayTier): void => {
      waiting.writes++;
      const { record } = waiting;
      const at = Math.floor(dueAt(tier, { ...record, at: now }) / SECOND_MS) + 1;
      const bucket = due.get(at);
      const entry = { record: { ...record, at: now }, writes: waiting.writes };
      if (bucket) bucket.push(entry);
      else due.set(at, [entry]);
    };
    const arrive = (record: StoredRecord, writes: number): void => {
      const envelope = readEnvelope(record.headers, record.at);
      const bytes = Buffer.alloc(0);
      const unit: Unit = {
        job,
        envelope,
        lane: { queue: 'marketing', provider: 'other' },
        site: 'slow.example',
        bytes,
        expiresAt: START + 30 * DAY_MS,
        place: 't/0/0',
        source: null,
        learned: null,
        state: 'queued',
      };
      if (!dispatcher.mustPostpone(unit, now)) {
        written.set(unit, writes);
        return dispatcher.add(unit, now);
      }
      const output = postponed(unit, dispatcher.nextSlot(unit, now), {}, now);
      expect(output.value).toBeInstanceOf(Raw);
      const tier = output.topic.name.replace('email.delay.', '') as DelayTier;
      climb({ record: { ...record, headers: output.headers ?? {} }, writes }, tier);
    };

    const settle = (unit: Unit): void => {
      dispatcher.release(unit);
      const writes = written.get(unit) ?? 0;
      written.delete(unit);
      tally.sent++;
      tally.writes += writes;
      tally.writesMax = Math.max(tally.writesMax, writes);
      tally.circulationsMax = Math.max(tally.circulationsMax, unit.envelope.postponements);
    };

    const fresh = writeEnvelope({
      acceptedAt: START,
      attempts: 0,
      uncertainCount: 0,
      lastSource: null,
      notBefore: null,
      toleranceMs: 0,
      postponements: 0,
      handedOver: false,
      type: 'marketing',
    });
    let read = 0;
    while (tally.sent < UNITS && now - START < 2 * WORK_HOURS * HOUR_MS) {
      for (let n = 0; n < READ_PER_SECOND && read < UNITS; n++, read++) {
        arrive({ offset: read, key: null, value: null, headers: fresh, at: now }, 0);
      }
      for (const { record, writes } of due.get(now / SECOND_MS) ?? []) {
        const envelope = readEnvelope(record.headers, record.at);
        const tier = nextTier((envelope.notBefore ?? 0) - now, envelope.toleranceMs);
        if (tier === null) arrive(record, writes);
        else climb({ record, writes }, tier);
      }
      due.delete(now / SECOND_MS);
      for (let at: number | null = now; at !== null && at < now + SECOND_MS; ) {
        const { attempts, wakeAt } = await dispatcher.choose(1_000, at);
        attempts.forEach(settle);
        at = wakeAt;
      }
      now += SECOND_MS;
    }
    const hours = (now - START) / HOUR_MS;
    console.log(
      `${UNITS} mails: ${hours.toFixed(1)} h for ${WORK_HOURS} h of work, ladder writes ${(tally.writes / UNITS).toFixed(2)} on average, ${tally.writesMax} at most, round trips ${tally.circulationsMax} at most`,
    );
    expect(tally.sent).toBe(UNITS);
    expect(tally.circulationsMax).toBeLessThanOrEqual(CIRCULATIONS_MAX);
    expect(tally.writesMax).toBeLessThanOrEqual(CIRCULATIONS_MAX);
    // The buffer costs no throughput: the site is kept busy at its rate.
    expect(hours).toBeLessThan(WORK_HOURS * 1.05);
  },
  5 * MINUTE_MS,
);

import { rulesOf } from '../../processors/reputation/rules.ts';
import { foldIdentity } from '../../processors/reputation/step.ts';
import { Dispatcher } from '../../processors/worker/dispatcher.ts';
import type { Unit } from '../../processors/worker/unit.ts';
import { loadConfig } from '../../src/config/load.ts';
import { readEnvelope } from '../../src/domain/envelope.ts';
import { identitySubject } from '../../src/domain/identity.ts';
import { dueAt, emptyState } from '../../src/domain/identity-state.ts';
import type { Job } from '../../src/domain/job.ts';
import type { Provider, Queue, Source } from '../../src/domain/policy.ts';
import { signal } from '../../src/domain/results.ts';
import { DAY_MS, HOUR_MS, type Millis } from '../../src/domain/time.ts';
import { ShareLimits } from '../../src/limits/share-limits.ts';
import { aJob } from '../../src/testing/builders.ts';

const DAYS = 30;
const INITIAL = 10;
/** More mails than both new sources may send at one moment. */
const BACKLOG = 3;
const PROVIDERS: readonly Provider[] = ['google', 'yahoo'];
const SOURCES = ['new-1', 'new-2', 'warm-1'];
const NEW = ['new-1', 'new-2'];
/** A day on which a tenth of what new-2 sends to Yahoo bounces. */
const BREACH = { day: 12, source: 'new-2', provider: 'yahoo' };
/** A midnight, UTC. */
const START: Millis = 20_000 * DAY_MS;

const config = loadConfig({
  env: {},
  text: `
relay: { host: smtp.example }
sources:
${SOURCES.map((name) => `  ${name}: { mode: direct, local_address: 192.0.2.${SOURCES.indexOf(name) + 1}, helo: ${name}.shop.example }`).join('\n')}
pools: { marketing: { sources: [${SOURCES}] } }
router: { queues: { transactional: { ip_pool: marketing }, notification: { ip_pool: marketing } } }
reputation: { warm_up: { initial_volume: ${INITIAL}, sources: [${NEW}] } }
`.replace(`sources: [${SOURCES}] }`, `sources: [${SOURCES}], let_one_type_ruin_the_reputation_of_the_others: true }`),
});
const rules = rulesOf(config);
const job = { address: 'a@x.example', folded: 'a@x.example', type: 'marketing', content: aJob() } as Job;

/** What the reputation processor knows of one source at one provider. */
class Standing {
  private state;
  private readonly subject: string;
  private events = 0;

  constructor(source: string, provider: Provider) {
    this.subject = identitySubject('source', source, provider);
    this.state = emptyState(this.subject);
  }

  get allowance(): number {
    return this.state.warmUp?.volume ?? INITIAL;
  }

  tell(kind: 'sent_counted' | 'bounced' | 'ticked', at: Millis, count = 1): void {
    const eventId = `${kind}:${this.events++}`;
    const facts = { eventId, subject: this.subject, kind, at, tenant: '', type: 'unknown', count } as const;
    const reply = kind === 'bounced' ? { smtpCode: 550, enhancedCode: '5.1.1', reply: 'no such mailbox' } : {};
    this.state = foldIdentity(this.state, signal({ ...facts, ...reply }), at, rules).state;
  }

  tickUntil(until: Millis): void {
    const { score } = rules.identity;
    for (let due = dueAt(this.state, score); due !== null && due <= until; due = dueAt(this.state, score)) {
      this.tell('ticked', due);
    }
  }
}

interface Day {
  readonly allowed: Readonly<Record<string, number>>;
  readonly sent: Record<string, number>;
  readonly waiting: number;
}

/** Thirty days of one queue at one provider: the dispatcher, the limits and the fold of production on a virtual clock. */
async function live(
  queue: Queue,
  provider: Provider,
  { overflow, first }: { readonly overflow: 'warm' | 'hold'; readonly first: 'warm' | 'new' },
): Promise<Day[]> {
  const limits = new ShareLimits();
  limits.setShare(`${queue}.${provider}`, 1);
  const standings = new Map(NEW.map((name) => [name, new Standing(name, provider)]));
  const dispatcher = new Dispatcher({
    limits,
    sources: config.sources as readonly Source[],
    limitsOf: () => ({ connectionsMax: 100, messagesPerConnectionMax: 100, ratePerMinute: null }),
    sharedBy: () => [`${queue}.${provider}`],
    circuits: () => ({ source: null, site: null, trial: false }),
    allowance: ({ name }) => standings.get(name)?.allowance ?? null,
    overflow,
    first,
    queueRatePerMinute: null,
    queueName: queue,
    skip: () => null,
    handOver: () => [],
    postpone: () => {
      throw new Error('a lane of one site sends nothing round the ladder');
    },
  });
  let waiting = 0;
  let now = START;
  const lastAt = new Map<string, Millis>();
  const add = (at: Millis) => {
    const unit: Unit = {
      job,
      envelope: readEnvelope({}, at),
      lane: { queue, provider },
      site: provider,
      bytes: Buffer.alloc(0),
      expiresAt: at + 90 * DAY_MS,
      place: 't/0/0',
      source: null,
      learned: null,
      state: 'queued',
    };
    dispatcher.add(unit, at);
    waiting++;
  };
  const days: Day[] = [];
  for (let day = 1; day <= DAYS; day++) {
    const begin = START + (day - 1) * DAY_MS;
    for (const standing of standings.values()) standing.tickUntil(begin + rules.identity.score.latenessMs);
    const allowed = Object.fromEntries([...standings].map(([name, { allowance }]) => [name, allowance]));
    const sent: Record<string, number> = Object.fromEntries(SOURCES.map((name) => [name, 0]));
    const intervalOf = (name: string) => DAY_MS / (allowed[name] as number);
    for (let hour = 0; hour < 24; hour++) {
      const before = { ...sent };
      const until = begin + (hour + 1) * HOUR_MS;
      while (now < until) {
        // Always more than the new ones may send; what is held piles up within bounds.
        while (waiting < BACKLOG) add(now);
        const { attempts } = await dispatcher.choose(1_000, now);
        for (const unit of attempts) {
          const name = unit.source?.name as string;
          sent[name] = (sent[name] as number) + 1;
          lastAt.set(name, now);
          waiting--;
          dispatcher.release(unit);
        }
        // To the moment at which the next of them has a mail to give, which in production the stream of mails is never far from.
        const next = NEW.map((name) => {
          const due = Math.ceil((lastAt.get(name) ?? 0) + intervalOf(name)) + 1;
          return due > now ? due : now + intervalOf(name) / 20;
        });
        now = Math.min(...next);
      }
      for (const [name, standing] of standings) {
        const count = (sent[name] as number) - (before[name] as number);
        const isBreach = day === BREACH.day && name === BREACH.source && provider === BREACH.provider;
        const bounced = isBreach ? Math.ceil(count / 10) : 0;
        if (count > bounced) standing.tell('sent_counted', until - HOUR_MS / 2, count - bounced);
        for (let n = 0; n < bounced; n++) standing.tell('bounced', until - HOUR_MS / 2);
      }
    }
    days.push({ allowed, sent, waiting });
  }
  return days;
}

describe('a pool of two new sources and a warm one over thirty days', () => {
  const both = async (queue: Queue, order: Parameters<typeof live>[2]) =>
    new Map(
      await Promise.all(PROVIDERS.map(async (provider) => [provider, await live(queue, provider, order)] as const)),
    );

  it('sends over the new ones what each is allowed per day and provider, and the rest over the warm one', async () => {
    const lives = await both('marketing', { overflow: 'warm', first: 'new' });
    for (const [provider, days] of lives) {
      for (const [n, { allowed, sent, waiting }] of days.entries()) {
        for (const name of NEW) {
          const [may, did] = [allowed[name] as number, sent[name] as number];
          // The pace goes on over midnight: a day has one mail more or less than the next.
          expect([provider, n + 1, name, Math.abs(did - may) <= 2, did, may]).toEqual([
            provider,
            n + 1,
            name,
            true,
            did,
            may,
          ]);
        }
        expect([provider, n + 1, waiting]).toEqual([provider, n + 1, 0]);
        expect(sent['warm-1']).toBeGreaterThan(0);
      }
      const volumes = (name: string) => days.map(({ allowed }) => allowed[name]);
      expect(volumes('new-1').slice(0, 6)).toEqual([10, 12, 14, 16, 19, 22]);
      // Each source and provider stands for itself: the breach halves one of four.
      if (provider === BREACH.provider) {
        const [before, after] = volumes('new-2').slice(BREACH.day - 1, BREACH.day + 1) as [number, number];
        expect(after).toBe(Math.floor(before / 2));
      } else expect(volumes('new-2')).toEqual(volumes('new-1'));
    }
    const rows = [1, 2, 10, 12, 13, 20, 30].map((day) => ({
      day,
      ...Object.fromEntries(
        [...lives].flatMap(([provider, days]) =>
          SOURCES.map((name) => [
            `${provider} ${name}`,
            `${days[day - 1]?.sent[name]}/${days[day - 1]?.allowed[name] ?? '∞'}`,
          ]),
        ),
      ),
    }));
    console.table(rows);
  }, 120_000);

  it('lets bulk mail wait for the new ones where the configuration says so', async () => {
    const days = await live('marketing', 'google', { overflow: 'hold', first: 'new' });
    for (const { sent, allowed, waiting } of days) {
      expect(sent['warm-1']).toBe(0);
      for (const name of NEW) {
        expect(Math.abs((sent[name] as number) - (allowed[name] as number))).toBeLessThanOrEqual(2);
      }
      expect(waiting).toBeGreaterThan(0);
    }
  }, 120_000);

  it('never lets transactional mail wait', async () => {
    for (const first of ['warm', 'new'] as const) {
      const lives = await both('transactional', { overflow: 'warm', first });
      for (const days of lives.values()) {
        expect(days.map(({ waiting }) => waiting)).toEqual(days.map(() => 0));
        // Over the warm source, or as much of it over the new ones as they are allowed.
        for (const { sent, allowed } of days) {
          for (const name of NEW) {
            const expected = first === 'warm' ? 0 : (allowed[name] as number);
            expect(Math.abs((sent[name] as number) - expected)).toBeLessThanOrEqual(first === 'warm' ? 0 : 2);
          }
        }
      }
    }
  }, 120_000);
});

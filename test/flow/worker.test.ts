import fc from 'fast-check';
import { type SendResult, type SiteFinder, workerDefinition } from '../../processors/worker/index.ts';
import type { DeliveryResult, EmailJob } from '../../src/contracts/generated.ts';
import { DELAY_TIERS, topics } from '../../src/contracts/topic.ts';
import { writeEnvelope } from '../../src/domain/envelope.ts';
import { JOB_RULES_DEFAULT } from '../../src/domain/job.ts';
import type { OnUncertain, QueuePolicy, Source } from '../../src/domain/policy.ts';
import { PLAIN_NAMES } from '../../src/domain/recipient-names.ts';
import type { DeliveryOutcome } from '../../src/domain/reply.ts';
import { addEvidence, emptySuppression, recipientSubject } from '../../src/domain/suppression.ts';
import { DAY_MS, MINUTE_MS } from '../../src/domain/time.ts';
import { aJob, anEvidence } from '../../src/testing/builders.ts';
import { driveEffects, type Life } from '../../src/testing/effect-driver.ts';
import { MemoryCodec } from '../../src/testing/memory-codec.ts';
import { type CommitFault, MemoryCluster } from '../../src/testing/memory-log.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { grantingLimits } from '../support/dispatcher-ports.ts';

const SOURCE: Source = {
  name: 'marketing-1',
  mode: 'relay',
  host: '127.0.0.1',
  port: 25,
  tls: 'none',
  tlsVerify: false,
  user: 'env:USER',
  password: 'env:PASSWORD',
  localAddress: null,
  helo: 'marketing-1.example',
  connectionsMax: 4,
  messagesPerConnectionMax: 100,
  region: null,
  isAway: false,
};
const policyOf = (onUncertain: OnUncertain): QueuePolicy => ({
  queue: 'marketing',
  pool: 'bulk',
  ratePerMinutePerWorker: null,
  retry: { retriesMax: 2, delaysMs: [MINUTE_MS], jitterRatio: 0 },
  onUncertain,
  ageMaxMs: 3 * DAY_MS,
  tickMs: 5,
});
const UNLIMITED = { connectionsMax: 4, messagesPerConnectionMax: 100, ratePerMinute: null };
const reply = (code: number, enhancedCode: string | null, text: string) => ({ code, enhancedCode, text });

/** What the other side does is said by the address, as in the simulator. */
const BEHAVIOURS = [
  'ok',
  'slow',
  'gone',
  'full',
  'busy421',
  'cut-body',
  'cut-dot',
  'refused',
  'unknown-to-it',
  'no-mail',
  'nowhere',
  'no-dns',
  'moved',
] as const;
type Behaviour = (typeof BEHAVIOURS)[number];

function outcomeOf(behaviour: Behaviour, isFirst: boolean): DeliveryOutcome {
  switch (behaviour) {
    case 'moved':
      if (!isFirst) return { kind: 'accepted', reply: reply(250, '2.0.0', 'taken') };
      return { kind: 'failed', stage: 'connect', reason: 'elsewhere', afterDot: false, detail: null };
    case 'ok':
    case 'slow':
      return { kind: 'accepted', reply: reply(250, '2.0.0', 'taken') };
    case 'gone':
      return { kind: 'refused', stage: 'rcpt', reply: reply(550, '5.1.1', 'no such user') };
    case 'full':
      return { kind: 'refused', stage: 'rcpt', reply: reply(452, '4.2.2', 'mailbox full') };
    case 'busy421':
      return { kind: 'refused', stage: 'mail', reply: reply(421, '4.7.28', 'rate limit exceeded') };
    case 'cut-body':
      return { kind: 'failed', stage: 'body', reason: 'reset', afterDot: false, detail: null };
    case 'cut-dot':
      return { kind: 'failed', stage: 'dot', reason: 'reset', afterDot: true, detail: null };
    case 'unknown-to-it':
      return { kind: 'refused', stage: 'mail', reply: reply(530, '5.7.0', 'Authentication required') };
    case 'no-mail':
      return { kind: 'failed', stage: 'connect', reason: 'null-mx', afterDot: false, detail: null };
    case 'nowhere':
      return { kind: 'failed', stage: 'connect', reason: 'no-such-domain', afterDot: false, detail: null };
    case 'no-dns':
      return { kind: 'failed', stage: 'connect', reason: 'dns', afterDot: false, detail: null };
    case 'refused':
      return { kind: 'failed', stage: 'connect', reason: 'refused-connection', afterDot: false, detail: null };
  }
}

interface Story {
  readonly behaviours: readonly Behaviour[];
  readonly onUncertain: OnUncertain;
  readonly suppressed: readonly boolean[];
  readonly faults: readonly CommitFault[];
  readonly lives: readonly Life[];
  readonly attempts: number;
}

/** d1.example is run by Google, the others by one hoster; the answer about d3.example takes its time. */
const sitesAt = (clock: VirtualClock): SiteFinder => {
  const begin = clock.now();
  return {
    find: (domain) =>
      domain === 'd3.example' && clock.now() < begin + 30 ? undefined : { kind: 'found', ...SITES(domain) },
    news: (domain, at) => ({ domain, ...SITES(domain), at }),
  };
};
const SITES = (domain: string) =>
  domain === 'd1.example'
    ? ({ provider: 'google', site: 'google' } as const)
    : ({ provider: 'other', site: 'hoster' } as const);

async function tell(story: Story) {
  const clock = new VirtualClock();
  const sites = sitesAt(clock);
  const codec = new MemoryCodec();
  const cluster = new MemoryCluster({ partitions: 2, now: clock.now() });
  const copies = new Map<string, number>();
  const begun = new Set<string>();
  const lanes = ['google', 'other'] as const;
  const jobs: EmailJob[] = story.behaviours.map((behaviour, n) => {
    const domain = n % 2 === 0 ? 'google.test' : `d${n % 5}.example`;
    return aJob({ id: `job-${n}`, type: 'marketing', recipient: `${behaviour}.${n}@${domain}` });
  });
  jobs.forEach((job, n) => {
    const lane = { queue: 'marketing', provider: lanes[n % 2] as 'google' | 'other' } as const;
    const envelope = {
      acceptedAt: clock.now(),
      attempts: story.attempts,
      uncertainCount: 0,
      lastSource: null,
      notBefore: null,
      toleranceMs: 0,
      postponements: 0,
      handedOver: false,
      type: 'marketing',
    };
    const topic = topics.send(lane);
    cluster.append({
      topic: topic.name,
      key: job.recipient,
      value: codec.encode(topic, job),
      headers: writeEnvelope(envelope),
    });
  });
  const telemetry = await driveEffects<EmailJob, Parameters<typeof tellNothing>[0], SendResult>({
    cluster,
    codec,
    clock,
    group: 'postlane.worker.marketing',
    inFlightMax: 6,
    faults: story.faults,
    lives: story.lives,
    // Longer than a unit may be held in its lane, so that what waits there comes to its end.
    quietMs: 1_000,
    define: (isAlive) =>
      workerDefinition({
        policy: policyOf(story.onUncertain),
        sources: [SOURCE],
        names: PLAIN_NAMES,
        rules: JOB_RULES_DEFAULT,
        views: {
          suppressionsOf: (_tenant, folded) => {
            const n = Number(/\.(\d+)@/.exec(folded)?.[1]);
            if (!story.suppressed[n]) return [];
            const evidence = anEvidence({ kind: 'complained', severity: 'complaint' });
            return [addEvidence(emptySuppression(recipientSubject(folded)), evidence)];
          },
          cancellationOf: () => undefined,
          templateOf: () => ({ kind: 'ready' }),
        },
        limits: grantingLimits(),
        // Another worker's: this one has no connection for what lies in one of the lane's partitions.
        limitsOf: ({ lane, place, envelope }) =>
          lane.provider === 'other' && place.split('/')[1] === '1' && !envelope.handedOver
            ? { ...UNLIMITED, connectionsMax: 0 }
            : UNLIMITED,
        heirOf: () => 0,
        sharedBy: () => [],
        circuits: () => ({ source: null, site: null, trial: false }),
        allowance: () => null,
        overflow: 'warm',
        first: 'new',
        sites,
        async send(unit) {
          const behaviour = unit.job.recipient.local.split('.')[0] as Behaviour;
          await clock.sleep(behaviour === 'slow' ? 40 : 3);
          const outcome = outcomeOf(behaviour, !begun.has(unit.job.id));
          begun.add(unit.job.id);
          const went = outcome.kind === 'accepted' || behaviour === 'cut-dot';
          if (isAlive() && went) copies.set(unit.job.id, (copies.get(unit.job.id) ?? 0) + 1);
          await clock.sleep(2);
          return { kind: 'attempted', attempt: { outcome, messageId: `<${unit.job.id}@shop.example>` } };
        },
        now: () => clock.now(),
        chance: () => 0.5,
        tell: tellNothing,
      }),
  });
  const results = cluster
    .all(topics.results('marketing').name)
    .map((record) => codec.decode(topics.results('marketing'), record.value))
    .map((decoded) => (decoded.ok ? decoded.value : null)) as DeliveryResult[];
  const waiting = DELAY_TIERS.flatMap((tier) => cluster.all(topics.delay(tier).name)).map((record) => {
    const decoded = codec.decode(topics.delay('15s'), record.value);
    return decoded.ok ? decoded.value.id : '';
  });
  return { jobs, results, waiting, copies, telemetry };
}

const tellNothing = (_unit: Parameters<Parameters<typeof workerDefinition>[0]['tell']>[0], _what: string): void =>
  undefined;

function check(told: Awaited<ReturnType<typeof tell>>, story: Story): void {
  const endings = told.results.filter(({ kind }) => kind === 'ending');
  const uncertain = new Set(told.results.filter((result) => result.uncertain).map(({ jobId }) => jobId));
  told.jobs.forEach((job, n) => {
    const own = endings.filter(({ jobId }) => jobId === job.id);
    const waits = told.waiting.filter((id) => id === job.id).length;
    // Law 5: one ending, or one place on the ladder; never both, never none.
    expect({ id: job.id, places: own.length + waits }).toEqual({ id: job.id, places: 1 });
    const went = told.copies.get(job.id) ?? 0;
    if (own[0]?.ending === 'sent') expect(went).toBeGreaterThanOrEqual(1);
    if (story.suppressed[n]) expect(went).toBe(0);
    if (went > 1) expect(uncertain.has(job.id)).toBe(true);
    if (story.onUncertain !== 'resend') expect(went).toBeLessThanOrEqual(1);
  });
}

const calm = { suppressed: [], faults: [], lives: [], onUncertain: 'resend', attempts: 0 } as const;

describe('the worker', () => {
  it('says one ending of every mail, or where it waits, whatever servers, crashes and commits do', async () => {
    const life = fc.record({ endsAfterMs: fc.integer({ min: 1, max: 60 }), graceful: fc.boolean() });
    const story = fc.record({
      behaviours: fc.array(fc.constantFrom(...BEHAVIOURS), { minLength: 1, maxLength: 30 }),
      onUncertain: fc.constantFrom<OnUncertain>('resend', 'hold', 'drop'),
      suppressed: fc.array(fc.boolean(), { maxLength: 30 }),
      faults: fc.array(
        fc.constantFrom<CommitFault>('none', 'none', 'commit-lost', 'commit-landed', 'commit-lands-late'),
        { maxLength: 20 },
      ),
      lives: fc.array(life, { maxLength: 3 }),
      attempts: fc.constantFrom(0, 1, 2),
    });
    await fc.assert(
      fc.asyncProperty(story, async (given) => check(await tell(given), given)),
      { numRuns: 40 },
    );
  }, 120_000);

  it.each<[Behaviour, number, string, string | null]>([
    ['ok', 0, 'sent', null],
    ['gone', 0, 'bounced', 'invalid-recipient'],
    ['full', 0, 'waits', 'mailbox-full'],
    ['full', 2, 'bounced', 'retries-exhausted'],
    ['busy421', 2, 'waits', 'rate-limited'],
    ['cut-body', 0, 'waits', 'unreachable'],
    ['refused', 2, 'waits', 'unreachable'],
    ['unknown-to-it', 2, 'waits', 'auth-failure'],
    ['cut-dot', 0, 'waits', 'uncertain'],
    ['no-mail', 0, 'bounced', 'invalid-domain'],
    ['nowhere', 0, 'waits', 'unreachable'],
    ['nowhere', 1, 'bounced', 'invalid-domain'],
    ['no-dns', 2, 'waits', 'unreachable'],
  ])('after %s with %i attempts used up: %s, %s', async (behaviour, attempts, expected, found) => {
    const told = await tell({ ...calm, behaviours: [behaviour], attempts });
    const end = told.results.find(({ kind }) => kind === 'ending');
    expect(end?.ending ?? (told.waiting.length === 1 ? 'waits' : 'lost')).toBe(expected);
    expect(told.results.at(-1)?.class ?? null).toBe(found);
  });

  it('never asks twice for a second copy: what was uncertain once ends unknown the next time', async () => {
    const lives = [5, 5, 5, 5].map((endsAfterMs) => ({ endsAfterMs: endsAfterMs + 6, graceful: false }));
    const told = await tell({ ...calm, behaviours: ['slow'], lives });
    check(told, { ...calm, behaviours: ['slow'], lives });
    expect(told.results.filter(({ kind }) => kind === 'ending').map(({ ending }) => ending)).toEqual(['unknown']);
  });
});

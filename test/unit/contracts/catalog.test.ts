import type { CatalogOptions } from '../../../src/contracts/catalog.ts';
import { CATALOG_DEFAULTS, expandCatalog } from '../../../src/contracts/catalog.ts';
import { parseCatalog, parseRetention } from '../../../src/contracts/catalog-entry.ts';
import { topics } from '../../../src/contracts/topic.ts';
import { isPostlaneError } from '../../../src/domain/error.ts';
import { DELAY_TIERS } from '../../../src/domain/ladder.ts';
import { EMAIL_TYPES, PROVIDERS, QUEUES } from '../../../src/domain/policy.ts';
import { DAY_MS, HOUR_MS } from '../../../src/domain/time.ts';
import { loadCatalog } from '../../../src/kafka/topic-catalog.ts';

/** Every topic that code can name. A way to name topics that is added to `topics` without being listed here fails the test below. */
const named = [
  ...EMAIL_TYPES.flatMap((type) => [
    topics.ingest(type),
    topics.routerSeen(type),
    topics.due(type),
    topics.results(type),
  ]),
  ...QUEUES.flatMap((queue) => PROVIDERS.map((provider) => topics.send({ queue, provider }))),
  ...DELAY_TIERS.map((tier) => topics.delay(tier)),
  topics.apiKeys,
  topics.dkimKeys,
  topics.senderChecks,
  topics.placements,
  topics.webhookEndpoints,
  topics.webhookProgress,
  topics.cancellations,
  topics.feedback,
  topics.feedbackEvents,
  topics.feedbackSeen,
  topics.reputation,
  topics.suppressions,
  topics.scores,
  topics.allowances,
  topics.reputationState,
  topics.reputationEditions,
  topics.addressKeys,
  topics.domains,
  topics.templates,
  topics.deadLetters,
];

const topic = (name: string, options: Partial<CatalogOptions> = {}) => {
  const found = loadCatalog(options).find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no topic ${name}`);
  return found;
};

/** The problems that loading the catalog under these options names. */
function problemsOf(options: Partial<CatalogOptions>): readonly string[] {
  try {
    loadCatalog(options);
    return [];
  } catch (error) {
    if (!isPostlaneError(error, 'CONFIG_INVALID')) throw error;
    return error.facts.problems as readonly string[];
  }
}

describe('topics.yaml', () => {
  it('has every topic that code can name, with the same schema, and no other', () => {
    const sorted = (pairs: { name: string; schema: string }[]) =>
      pairs.map(({ name, schema }) => `${name} ${schema}`).sort();
    expect(sorted(named)).toEqual(sorted([...loadCatalog()]));
  });

  it('is told of every way to name a topic', () => {
    const names = new Set(named.map(({ name }) => name));
    const given: Readonly<Record<string, unknown>> = {
      send: { queue: QUEUES[0], provider: PROVIDERS[0] },
      delay: DELAY_TIERS[0],
    };
    for (const [way, topic] of Object.entries(topics)) {
      const name =
        typeof topic === 'function'
          ? (topic as (of: unknown) => { name: string })(given[way] ?? EMAIL_TYPES[0]).name
          : topic.name;
      expect({ way, listed: names.has(name) }).toEqual({ way, listed: true });
    }
  });

  it('stamps every topic with the append time', () => {
    for (const { config } of loadCatalog()) expect(config['message.timestamp.type']).toBe('LogAppendTime');
  });

  it('recompresses only what foreign clients write', () => {
    const unpacked = loadCatalog().filter(({ config }) => config['compression.type'] === 'uncompressed');
    expect(unpacked.map(({ entry }) => entry).filter((entry, n, all) => all.indexOf(entry) === n)).toEqual([
      'email.ingest.{type}',
      'email.cancellations',
    ]);
    const rest = loadCatalog().filter((candidate) => !unpacked.some(({ name }) => name === candidate.name));
    for (const { config } of rest) expect(config['compression.type']).toBe('producer');
  });

  it('lets every topic that carries jobs, and no other, take the largest job', () => {
    const jobBytesMax = 7_000_000;
    for (const { schema, name, config, carriesJobs } of loadCatalog({ jobBytesMax })) {
      expect([name, carriesJobs]).toEqual([name, schema === 'EmailJob']);
      if (carriesJobs) expect(Number(config['max.message.bytes'])).toBe(jobBytesMax + 65_536);
    }
    const letters = topic('email.dead-letters', { jobBytesMax });
    expect(Number(letters.config['max.message.bytes'])).toBe(jobBytesMax + 2 * 65_536);
  });

  it('keeps every topic that carries jobs for longer than a job may live (law 8)', () => {
    const carriers = loadCatalog().filter(({ carriesJobs }) => carriesJobs);
    expect(carriers.length).toBeGreaterThan(30);
    for (const { retentionMs } of carriers) expect(retentionMs).toBeGreaterThan(CATALOG_DEFAULTS.ageMaxMs);
  });

  it('gives tables the partitions of the log that they are folded from', () => {
    const options = { overrides: { 'email.reputation': { partitions: 13 } } };
    expect(topic('email.suppressions', options).partitions).toBe(13);
    expect(topic('email.scores', options).partitions).toBe(13);
    const factor = { partitionFactor: 3 };
    expect(topic('email.router-seen.marketing', factor).partitions).toBe(
      topic('email.ingest.marketing', factor).partitions,
    );
  });
});

describe('expandCatalog', () => {
  it.each([
    ['email.ingest.marketing', 6],
    ['email.send.transactional.google', 4],
    ['email.send.transactional.other', 6],
    ['email.delay.1h', 3],
  ])('gives %s %i partitions, times the factor', (name, partitions) => {
    expect(topic(name).partitions).toBe(partitions);
    expect(topic(name, { partitionFactor: 2 }).partitions).toBe(partitions * 2);
    expect(topic(name, { partitionFactor: 0.1 }).partitions).toBe(1);
  });

  it('takes overrides by topic before those by entry', () => {
    const overrides = {
      'email.send.{queue}.{provider}': { partitions: 9, config: { 'segment.bytes': '1048576' } },
      'email.send.marketing.google': { partitions: 12 },
    };
    expect(topic('email.send.marketing.google', { overrides }).partitions).toBe(12);
    expect(topic('email.send.marketing.google', { overrides }).config['segment.bytes']).toBe('1048576');
    expect(topic('email.send.marketing.yahoo', { overrides }).partitions).toBe(9);
  });

  it('needs acknowledgement by all replicas but one', () => {
    expect(topic('email.due.marketing', { replicationFactor: 3 }).config['min.insync.replicas']).toBe('2');
    expect(topic('email.due.marketing', { replicationFactor: 1 }).config['min.insync.replicas']).toBe('1');
  });

  it('refuses a retention that a job can outlive', () => {
    expect(problemsOf({ ageMaxMs: 7 * DAY_MS })).toContain(
      'email.due.marketing: retention 604800000 ms is not above the 604800000 ms that a job may wait',
    );
    const overrides = { 'email.delay.{tier}': { retentionMs: 80 * HOUR_MS } };
    expect(problemsOf({ overrides })).toEqual([
      'email.delay.1d: retention 288000000 ms is not above the 345600000 ms that a job may wait',
    ]);
  });

  it('refuses to forget what the router must remember', () => {
    expect(problemsOf({ dedupWindowMs: 8 * DAY_MS })).toHaveLength(EMAIL_TYPES.length);
  });

  it('refuses overrides of nothing, and of what another topic decides', () => {
    expect(problemsOf({ overrides: { 'email.sent': { partitions: 1 } } })).toEqual([
      'overrides: email.sent is no topic and no entry of topics.yaml',
    ]);
    expect(problemsOf({ overrides: { 'email.scores': { partitions: 1 } } })).toEqual([
      'overrides: email.scores has the partitions of email.reputation; set them there',
    ]);
  });

  it('refuses names and counts that Kafka would not take', () => {
    expect(problemsOf({ providers: ['Not A Name'] })).toContain('email.send.marketing.Not A Name: no name for a topic');
    expect(problemsOf({ partitionFactor: 10_000 })).toContain(
      'email.delay.1h: 30000 partitions; 1 to 1000 are possible',
    );
  });

  it('gives the same answer for the same input', () => {
    expect(loadCatalog()).toEqual(loadCatalog());
  });
});

describe('parseCatalog', () => {
  const entry = {
    name: 'email.things.{type}',
    key: 'thing',
    value: 'Score',
    partitions: 2,
    cleanup: 'delete',
    retention: '7d',
    compression: 'producer',
    messageBytes: 'record',
    carriesJobs: false,
    writer: 'someone',
    readers: ['someone'],
    why: 'For this test.',
  };
  const problems = (change: Record<string, unknown>) => parseCatalog({ topics: [{ ...entry, ...change }] }).problems;

  it('takes a good entry', () => {
    const { entries } = parseCatalog({ topics: [entry] });
    expect(expandCatalog(entries, CATALOG_DEFAULTS).topics.map(({ name }) => name)).toEqual(
      EMAIL_TYPES.map((type) => `email.things.${type}`),
    );
  });

  it.each([
    [{ extra: 1 }, 'unknown field extra'],
    [{ why: '' }, 'why is missing'],
    [{ value: 'Thing' }, 'value Thing is no schema of schemas/'],
    [{ partitions: 0 }, 'partitions must be a count or the name of an entry'],
    [{ partitionsOf: { other: 'many' } }, 'partitionsOf must give counts'],
    [{ cleanup: 'never' }, 'cleanup must be one of delete | compact | compact,delete'],
    [{ retention: '7 days' }, 'retention must be such as 7d, 36h or forever'],
    [{ cleanup: 'compact' }, 'a table is kept for ever'],
    [{ compression: 'zstd' }, 'compression must be one of producer | uncompressed'],
    [{ messageBytes: 'huge' }, 'messageBytes must be one of job | dead-letter | record'],
    [{ carriesJobs: true }, 'what carries jobs must have room for one'],
    [{ readers: [] }, 'readers must be a list of names'],
    [{ growthCosts: '' }, 'growthCosts must say something'],
  ])('refuses %j', (change, problem) => {
    expect(problems(change)).toEqual([`email.things.{type}: ${problem}`]);
  });

  it('refuses unknown variables', () => {
    expect(problems({ name: 'email.things.{colour}' })).toEqual(['email.things.{colour}: unknown variable {colour}']);
  });

  it('refuses the same entry twice', () => {
    expect(parseCatalog({ topics: [entry, entry] }).problems).toEqual(['email.things.{type}: is there twice']);
  });

  it('refuses to count for an entry that does not count for itself', () => {
    const other = { ...entry, name: 'email.others', partitions: 'email.nothing', growthCosts: 'Much.' };
    expect(parseCatalog({ topics: [entry, other] }).problems).toEqual([
      'email.others: partitions names no entry that has a count',
    ]);
  });

  it('refuses what is no catalog', () => {
    for (const document of [null, [], {}, { topics: 1 }, 'topics']) {
      expect(parseCatalog(document).problems).toEqual(['topics.yaml: has no list of topics']);
    }
  });
});

describe('parseRetention', () => {
  it.each([
    ['7d', 7 * DAY_MS],
    ['36h', 36 * HOUR_MS],
    ['forever', Number.POSITIVE_INFINITY],
    ['0d', Number.NaN],
    ['7', Number.NaN],
    [7, Number.NaN],
  ])('reads %j', (text, ms) => {
    expect(parseRetention(text)).toBe(ms);
  });
});

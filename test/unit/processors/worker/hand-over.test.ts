import { Dispatcher } from '../../../../processors/worker/dispatcher.ts';
import type { DispatcherPorts } from '../../../../processors/worker/dispatcher-ports.ts';
import type { Unit } from '../../../../processors/worker/unit.ts';
import { readEnvelope } from '../../../../src/domain/envelope.ts';
import type { Job } from '../../../../src/domain/job.ts';
import type { Source } from '../../../../src/domain/policy.ts';
import { DAY_MS } from '../../../../src/domain/time.ts';
import { ShareLimits } from '../../../../src/limits/share-limits.ts';
import { aJob } from '../../../../src/testing/builders.ts';
import { dispatcherPorts } from '../../../support/dispatcher-ports.ts';

const NOW = 1_700_000_000_000;
const source = (name: string): Source => ({ name, connectionsMax: 10 }) as Source;
const [A, B] = [source('a'), source('b')];
const job = { address: 'u@x.example', folded: 'u@x.example', type: 'marketing', content: aJob() } as Job;
const unitOf = (lastSource: string | null): Unit => ({
  job,
  envelope: { ...readEnvelope({}, NOW), lastSource },
  lane: { queue: 'marketing', provider: 'google' },
  site: 'google',
  bytes: Buffer.alloc(0),
  expiresAt: NOW + DAY_MS,
  place: 't/0/0',
  source: null,
  learned: null,
  state: 'queued',
});

/** What becomes of one mail where this worker has so many connections from each source. */
async function chosen(
  connections: Readonly<Record<string, number>>,
  lastSource: string | null = null,
  over: Partial<DispatcherPorts> = {},
): Promise<string> {
  let handed = '';
  const limits = new ShareLimits();
  limits.setShare('marketing.google', 1);
  const dispatcher = new Dispatcher(
    dispatcherPorts({
      limits,
      sources: [A, B],
      limitsOf: (_, { name }) => ({
        connectionsMax: connections[name] ?? 0,
        messagesPerConnectionMax: 100,
        ratePerMinute: null,
      }),
      sharedBy: () => ['marketing.google'],
      handOver: (_, { name }) => {
        handed = name;
        return [];
      },
      ...over,
    }),
  );
  dispatcher.add(unitOf(lastSource), NOW);
  const { attempts, settled } = await dispatcher.choose(10, NOW);
  if (settled.length > 0) return `handed over for ${handed}`;
  return attempts[0]?.source ? `sent over ${attempts[0].source.name}` : 'waits';
}

describe('a worker that has no connection to a site', () => {
  it.each([
    [{ a: 1, b: 1 }, null, 'sent over a'],
    [{ a: 0, b: 1 }, null, 'sent over b'],
    [{ a: 0, b: 0 }, null, 'handed over for a'],
    // A site that greylists knows the mail by its source.
    [{ a: 1, b: 0 }, 'b', 'handed over for b'],
    [{ a: 0, b: 1 }, 'b', 'sent over b'],
  ])('%j, last source %s: %s', async (connections, lastSource, expected) => {
    expect(await chosen(connections, lastSource)).toBe(expected);
  });

  it('does not hold what a new source is to send, either', async () => {
    const allowance = ({ name }: Source): number | null => (name === 'a' ? 1_000 : null);
    expect(await chosen({ a: 0, b: 1 }, null, { overflow: 'hold', allowance })).toBe('handed over for a');
  });

  it('waits while the source cannot send to the site at all', async () => {
    const circuits = () => ({ source: null, site: NOW + 1_000, trial: false });
    expect(await chosen({ a: 0, b: 0 }, null, { circuits })).toBe('waits');
  });
});

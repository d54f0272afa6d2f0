import { Dispatcher } from '../../../../processors/worker/dispatcher.ts';
import type { DispatcherPorts } from '../../../../processors/worker/dispatcher-ports.ts';
import type { Unit } from '../../../../processors/worker/unit.ts';
import { readEnvelope } from '../../../../src/domain/envelope.ts';
import type { Job } from '../../../../src/domain/job.ts';
import type { Source } from '../../../../src/domain/policy.ts';
import { MINUTE_MS } from '../../../../src/domain/time.ts';
import type { RateLimits } from '../../../../src/runtime/limits-port.ts';
import { aJob } from '../../../../src/testing/builders.ts';
import { dispatcherPorts, grantingLimits } from '../../../support/dispatcher-ports.ts';

const NOW = 1_700_000_000_000;
const source = (name: string, isAway: boolean) => ({ name, isAway, connectionsMax: 1 }) as Source;
const job = { address: 'a@inbox.example', type: 'marketing', content: aJob() } as Job;

/** Two sources of our own and one of another region's, and a hundred mails; answers the sources that would send now. */
async function sending(over: Partial<DispatcherPorts>): Promise<readonly string[]> {
  const dispatcher = new Dispatcher(
    dispatcherPorts({
      sources: [source('own-1', false), source('own-2', false), source('away', true)],
      ...over,
    }),
  );
  for (let n = 0; n < 100; n++) {
    const unit: Unit = {
      job,
      envelope: readEnvelope({}, NOW),
      lane: { queue: 'marketing', provider: 'google' },
      site: 'google',
      bytes: Buffer.alloc(0),
      expiresAt: NOW + MINUTE_MS,
      place: `t/0/${n}`,
      source: null,
      learned: null,
      state: 'queued',
    };
    dispatcher.add(unit, NOW);
  }
  const { attempts } = await dispatcher.choose(1_000, NOW);
  return [...new Set(attempts.map((unit) => unit.source?.name ?? ''))];
}

const shut = (names: readonly string[], what: 'source' | 'site'): Partial<DispatcherPorts> => ({
  circuits: ({ name }) => ({
    source: null,
    site: null,
    trial: false,
    ...(names.includes(name) && { [what]: NOW + MINUTE_MS }),
  }),
});

describe('a source of another region', () => {
  it('is left alone while our own are merely busy: as many mails as they take, and the others wait', async () => {
    expect(await sending({})).toEqual(['own-1', 'own-2']);
  });

  it('is left alone while the rate of our own is spent', async () => {
    const takeAll: RateLimits['takeAll'] = async (demands) =>
      demands.some(({ key }) => key.startsWith('own')) ? { granted: false, retryAfterMs: 1_000 } : { granted: true };
    expect(await sending({ limits: grantingLimits({ takeAll }) })).toEqual([]);
  });

  it.each(['source', 'site'] as const)(
    'is used while every %s circuit of our own is open, and no sooner',
    async (what) => {
      expect(await sending(shut(['own-1'], what))).toEqual(['own-2']);
      expect(await sending(shut(['own-1', 'own-2'], what))).toEqual(['away']);
      expect(await sending(shut(['own-1', 'own-2', 'away'], what))).toEqual([]);
    },
  );

  it('is used while our own are new and have nothing left, unless new ones are waited for', async () => {
    const takeAll: RateLimits['takeAll'] = async (demands) =>
      demands.some(({ key }) => key.startsWith('warm-up|own'))
        ? { granted: false, retryAfterMs: 1_000 }
        : { granted: true };
    const spent = { limits: grantingLimits({ takeAll }), allowance: ({ isAway }: Source) => (isAway ? null : 10) };
    expect(await sending(spent)).toEqual(['away']);
    expect(await sending({ ...spent, overflow: 'hold' })).toEqual([]);
  });
});

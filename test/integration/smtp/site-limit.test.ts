import fc from 'fast-check';
import type { Directory } from '../../../src/smtp/direct.ts';
import { startSimulator } from '../../../src/testing/simulator/index.ts';
import { courierWith, limits, mailbox, mailOf, sourceAt } from './fixtures.ts';

const HERE = '127.0.0.1';
/** One millisecond for each second of patience: connections are cut from our side all the time. */
const HASTY = 0.001;
const BEHAVIOURS = ['u', 'u', 'u', 'u', 'slow-20', 'hang-dot', 'hang-rcpt', 'cut-data', 'reject-421', 'reject-550'];
const MODES = [null, null, 'hang-quit', 'cut-tls', 'hang-greeting', 'cut-mail'];

/** A process that gets no processor for a while. */
function stall(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const mails = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 12 }),
    to: fc.constantFrom(...BEHAVIOURS),
    domain: fc.nat(9),
    lookUpMs: fc.integer({ min: 0, max: 15 }),
    fails: fc.constantFrom(false, false, false, true),
    abortAfterMs: fc.option(fc.integer({ min: 0, max: 40 }), { freq: 4 }),
    connectionsMax: fc.nat(2),
    stallMs: fc.constantFrom(0, 0, 0, 1, 5, 20),
  }),
  { minLength: 12, maxLength: 30 },
);

it('a site never has more connections than it takes, however they begin and end', async () => {
  await fc.assert(
    fc.asyncProperty(
      mails,
      fc.record({
        connectionsMax: fc.integer({ min: 1, max: 4 }),
        messagesPerConnectionMax: fc.integer({ min: 1, max: 4 }),
        groups: fc.integer({ min: 1, max: 4 }),
        idleMs: fc.integer({ min: 1, max: 40 }),
        mode: fc.constantFrom(...MODES),
        tls: fc.boolean(),
      }),
      async (given, world) => {
        const simulator = await startSimulator({
          tls: world.tls ? { mode: 'starttls' } : { mode: 'none' },
          clientConnectionsMax: world.connectionsMax,
        });
        if (world.mode !== null) await simulator.setSite('*', { mode: world.mode });
        const slow = new Map<string, { readonly ms: number; readonly fails: boolean }>();
        const directory: Directory = {
          async exchange(domain) {
            const { ms, fails } = slow.get(domain) ?? { ms: 0, fails: false };
            await pause(ms);
            if (fails) return { reason: 'dns', detail: null };
            return { group: `g${Number(domain.charAt(1)) % world.groups}`, hosts: [HERE], tls: 'opportunistic' };
          },
          addresses: async () => [HERE, HERE],
        };
        const courier = courierWith({
          directory,
          patienceFactor: HASTY,
          idleMs: world.idleMs,
          circuit: { failures: 1_000, resetMs: 1_000 },
        });
        const source = sourceAt(simulator.smtpPort, { mode: 'direct', tls: 'opportunistic', localAddress: HERE });
        const outcomes = [];
        for (const [n, mail] of given.entries()) {
          await pause(mail.afterMs);
          setTimeout(() => stall(mail.stallMs), mail.lookUpMs * 3);
          const domain = `d${mail.domain}.example`;
          slow.set(domain, { ms: mail.lookUpMs, fails: mail.fails });
          const abort = new AbortController();
          if (mail.abortAfterMs !== null) setTimeout(() => abort.abort(), mail.abortAfterMs);
          outcomes.push(
            courier.deliver(mailOf({ to: mailbox(`${mail.to}.${n}@${domain}`) }), {
              source,
              site: 'x',
              // Less for a while, as a site asks, or another process joins.
              limits: {
                ...limits,
                connectionsMax: Math.max(1, world.connectionsMax - mail.connectionsMax),
                messagesPerConnectionMax: world.messagesPerConnectionMax,
              },
              signal: abort.signal,
            }),
          );
        }
        await Promise.all(outcomes);
        await courier.close({ withinMs: 0 });
        const [client] = simulator.stats().clients;
        await simulator.stop();
        expect(client?.connectionsPeak ?? 0).toBeLessThanOrEqual(world.connectionsMax);
      },
    ),
    { numRuns: Number(process.env.POSTLANE_SITE_RUNS ?? 10), endOnFailure: true },
  );
}, 120_000);

import { EMAIL_TYPES } from '../../../src/domain/policy.ts';
import { FakeVault } from '../../support/fake-vault.ts';
import { load } from '../../support/load.ts';
import type { Pipeline } from '../../support/pipeline.ts';
import { Random } from '../../support/random.ts';
import type { RoleProcess } from '../../support/role-process.ts';

const SEED = 31;
const JOBS = 1_500;
const ROTATIONS = 10;
/** Of the load, what goes before the first rotation, and at each. */
const STEP = JOBS / (ROTATIONS + 4);
const LATE_MS = 500;

/** When the relay takes the new credential, and when the store has it. */
type Kind = 'overlap' | 'zero' | 'store-late' | 'relay-late';
const KINDS: readonly Kind[] = [
  'overlap',
  'zero',
  'overlap',
  'relay-late',
  'overlap',
  'store-late',
  'overlap',
  'zero',
  'overlap',
  'overlap',
];

/** Issue 7: the log-in at the relay is rotated, also without an overlap and to a wrong one, while mails are on their way. */
export function credentialRotations(pipeline: () => Pipeline): void {
  describe('log-ins that are rotated under load', () => {
    let vault: FakeVault;
    let current = { user: 'relay', pass: 'password-0' };
    beforeAll(async () => {
      vault = await FakeVault.start();
      vault.put('kv/relay', current);
      pipeline().simulator.setCredentials([current]);
    });
    afterAll(async () => {
      pipeline().simulator.setCredentials(null);
      await vault.stop();
    });

    const accepted = (worker: RoleProcess) => worker.metric('postlane_log_ins_total', { outcome: 'accepted' });
    const refused = (worker: RoleProcess) => worker.metric('postlane_credential_refused');

    async function rotate(number: number, kind: Kind, worker: RoleProcess): Promise<void> {
      const { simulator } = pipeline();
      const next = { user: 'relay', pass: `password-${number}` };
      const before = await accepted(worker);
      if (kind === 'overlap') simulator.setCredentials([current, next]);
      if (kind === 'zero' || kind === 'store-late') simulator.setCredentials([next], { endSessions: true });
      if (kind === 'store-late') await new Promise((resolve) => setTimeout(resolve, LATE_MS));
      vault.put('kv/relay', next);
      if (kind === 'relay-late') {
        await pipeline().waitFor('the alarm', async () => (await refused(worker)) > 0);
        simulator.setCredentials([next], { endSessions: true });
      }
      await pipeline().waitFor('a log-in with the new one', async () => (await accepted(worker)) > before);
      await pipeline().waitFor('the end of alarms', async () => (await refused(worker)) === 0);
      simulator.setCredentials([next]);
      current = next;
    }

    it('lose, double and end no mail: ten rotations, and a wrong credential that alarms and is not used', async () => {
      const { simulator } = pipeline();
      const prefix = 'credentials-';
      const settings = {
        relay: '  user: vault:kv/relay#user\n  password: vault:kv/relay#pass\n  max_messages_per_connection: 20',
        more: `
secrets:
  refresh: 1s
  retry_refused: 2s
  vault: { address: '${vault.address}', token: env:POSTLANE_TEST_VAULT_TOKEN }
`,
      };
      await using worker = await pipeline().start('worker', {
        settings,
        environment: { POSTLANE_TEST_VAULT_TOKEN: vault.token() },
      });
      const random = new Random(SEED);
      const jobs = load({
        prefix,
        count: JOBS,
        types: EMAIL_TYPES,
        random,
        mailbox: (_, chance) => (chance.next() < 0.3 ? `slow-${chance.between(20, 400)}` : 'ada'),
      });
      const streaming = pipeline().stream(jobs);
      for (const [index, kind] of KINDS.entries()) {
        await pipeline().progressed(prefix, STEP * (index + 1));
        await rotate(index + 1, kind, worker);
      }

      // A wrong one: the last good one goes on, and somebody is called.
      const before = simulator.logIns();
      vault.put('kv/relay', { user: 'relay', pass: 'mistyped' });
      await pipeline().waitFor('the alarm', async () => (await refused(worker)) > 0);
      await pipeline().waitFor('a log-in with the last good one', async () => {
        return (await worker.metric('postlane_log_ins_total', { outcome: 'fallback' })) > 0;
      });
      const ended = pipeline().endedOf(prefix);
      await pipeline().progressed(prefix, Math.min(JOBS, ended + STEP));
      expect(worker.logTail(1_000).join('\n')).toContain('the relay refuses the newest credential');
      vault.put('kv/relay', current);
      await pipeline().waitFor('the end of the alarm', async () => (await refused(worker)) === 0);
      await streaming;

      const verdict = await pipeline().judged(prefix, { duplicatesMax: 0 });
      expect(verdict).toMatchObject({ accepted: JOBS, endings: { sent: JOBS }, lost: 0, duplicates: 0, uncertain: 0 });
      expect(simulator.logIns().refused).toBeGreaterThan(before.refused);
      expect(worker.exit).toBeNull();
      expect(worker.logTail(10_000).join('\n')).not.toMatch(/password-\d|mistyped/);
    }, 300_000);
  });
}

import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { parseMailbox } from '../../../src/domain/address.ts';
import { generateDkimKey } from '../../../src/smtp/dkim.ts';
import { createMailMaker } from '../../../src/smtp/mail-maker.ts';
import { VerpSigner } from '../../../src/smtp/verp-signer.ts';
import { MemorySecrets } from '../../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../../src/testing/recording-telemetry.ts';
import { startSimulator } from '../../../src/testing/simulator/index.ts';
import { jobOf } from '../../unit/smtp/support.ts';
import { courierWith, credentialsOf, limits, sourceAt } from './fixtures.ts';

const ACCEPTED_AT = Date.UTC(2026, 10, 24);

it('jobs arrive over TLS and a log-in, signed, each once, and their return paths lead back to them', async () => {
  const login = { user: 'relay', pass: 'secret' };
  const simulator = await startSimulator({ tls: { mode: 'starttls', required: true }, auth: login, keepRaw: true });
  const { privateKey, record } = await generateDkimKey('rsa-sha256');
  const verpKeys = [Buffer.alloc(32, 5)];
  const maker = await createMailMaker({
    senders: {
      mode: 'strict',
      list: [
        {
          domain: 'shop.example',
          returnPathDomain: 'bounce.shop.example',
          dkim: [{ selector: 's1', algorithm: 'rsa-sha256', privateKey: 'file:key' }],
        },
      ],
    },
    verp: { current: new VerpSigner(verpKeys) },
    secrets: new MemorySecrets({ 'file:key': privateKey }),
    telemetry: new RecordingTelemetry(),
    feedbackSenderId: 'postlane',
    unsubscribeBaseUrl: null,
  });
  const courier = courierWith({ credentials: async () => credentialsOf(login) });
  const source = sourceAt(simulator.smtpPort, { tls: 'starttls', tlsVerify: false, connectionsMax: 4 });
  try {
    const sent = new Map<string, string>();
    const send = async (index: number): Promise<void> => {
      const job = jobOf(
        { subject: `Nr. ${index} für dich`, html: '.<p>ü</p>\n.\n' },
        { id: `job-${index}`, tenant: 'acme' },
      );
      const made = await maker.make({ ...job, recipient: `user${index}@google.test` }, ACCEPTED_AT);
      if (!made.ok) throw new Error(made.fault);
      const outcome = await courier.deliver(made.mail, { source, site: 'google', limits });
      expect(outcome).toMatchObject({ kind: 'accepted' });
      sent.set(`job-${index}`, made.mail.message.toString());
    };
    await Promise.all(Array.from({ length: 40 }, (_, index) => send(index)));

    const journal = simulator.journal({ raw: true });
    expect(journal.map(({ jobId }) => jobId).sort()).toEqual([...sent.keys()].sort());
    const signer = new VerpSigner(verpKeys);
    for (const { jobId, raw, from } of journal) {
      expect(raw).toBe(sent.get(jobId));
      const path = parseMailbox(from);
      expect(path.ok && signer.verify(path.value.local)).toEqual({ kind: 'job', tenant: 'acme', jobId });
    }
    const { results } = await dkimVerify(Buffer.from(journal[0]?.raw ?? ''), { resolver: async () => [[record]] });
    expect(results.map(({ status }) => status.result)).toEqual(['pass']);
  } finally {
    await courier.close({ withinMs: 0 });
    await simulator.stop();
  }
});

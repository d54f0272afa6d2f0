import { writeHeapSnapshot } from 'node:v8';
import type { SecretsConfig } from '../../src/config/types.ts';
import { systemClock } from '../../src/host/clock.ts';
import { openVerpSigner } from '../../src/host/verp.ts';
import { openSecrets } from '../../src/secrets/open.ts';
import { createCourier } from '../../src/smtp/courier.ts';
import { RotatingLogIns } from '../../src/smtp/log-ins.ts';
import { createMailMaker } from '../../src/smtp/mail-maker.ts';
import { ProcessTelemetry } from '../../src/telemetry/telemetry.ts';
import { aJob } from '../../src/testing/builders.ts';
import { sourceAt } from '../integration/smtp/fixtures.ts';

/** What a process of the heap test is told, as JSON in its first argument: references and places, no secret. */
export interface BearerTask {
  readonly config: SecretsConfig;
  readonly smtpPort: number;
  readonly user: string;
  readonly passwords: readonly string[];
  readonly dkim: string;
  readonly verp: string;
  /** Keeps the text of a secret, as a control that the search would find it. */
  readonly careless: string | null;
  readonly snapshot: string;
}

/** Uses secrets as a worker does, sends over each of the log-ins, and writes down everything that its heap holds. */
const task: BearerTask = JSON.parse(process.argv[2] ?? '');
const telemetry = new ProcessTelemetry({ role: 'bearer', level: 'debug', addressKey: null });
const secrets = openSecrets({ config: task.config, clock: systemClock, telemetry });
const verp = await openVerpSigner({ config: { verp: { key: task.verp } }, secrets, telemetry });
const maker = await createMailMaker({
  senders: {
    mode: 'strict',
    list: [
      {
        domain: 'shop.example',
        returnPathDomain: 'shop.example',
        dkim: [{ selector: 's1', algorithm: 'rsa-sha256', privateKey: task.dkim }],
      },
    ],
  },
  verp,
  secrets,
  telemetry,
  feedbackSenderId: 'postlane',
  unsubscribeBaseUrl: null,
});
const logIns = new RotatingLogIns({ secrets, telemetry, now: Date.now, retryMs: 60_000 });
const courier = createCourier({
  credentials: (source) => logIns.of(source),
  logIns,
  circuit: { failures: 5, resetMs: 60_000 },
  patienceFactor: 1,
  idleMs: 30_000,
  now: Date.now,
});
const job = aJob();
const limits = { connectionsMax: 10, messagesPerConnectionMax: 100, ratePerMinute: null };
for (const [index, password] of task.passwords.entries()) {
  const made = await maker.make(job, Date.now());
  if (!made.ok) throw new Error(made.fault);
  const source = sourceAt(task.smtpPort, { name: `relay-${index}`, user: task.user, password });
  const outcome = await courier.deliver(made.mail, { source, site: 'google', limits });
  console.log(JSON.stringify({ password, outcome: outcome.kind, signed: made.signed }));
}
const kept = task.careless === null ? null : (await secrets.resolve(task.careless)).text();
writeHeapSnapshot(task.snapshot);
console.log(await telemetry.metrics.text());
console.log(JSON.stringify({ keptLength: kept?.length ?? 0 }));
await courier.close({ withinMs: 1_000 });
logIns.stop();
await secrets.close();
await telemetry.stop();

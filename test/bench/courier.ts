import { fork } from 'node:child_process';
import path from 'node:path';
import nodemailer from 'nodemailer';
import type { EmailJob } from '../../src/contracts/generated.ts';
import { parseMailbox } from '../../src/domain/address.ts';
import { assert } from '../../src/domain/error.ts';
import type { SiteLimits, Source } from '../../src/domain/policy.ts';
import { createCourier } from '../../src/smtp/courier.ts';
import { generateDkimKey } from '../../src/smtp/dkim.ts';
import { createMailMaker } from '../../src/smtp/mail-maker.ts';
import { VerpSigner } from '../../src/smtp/verp-signer.ts';
import { MemorySecrets } from '../../src/testing/memory-secrets.ts';
import { RecordingTelemetry } from '../../src/testing/recording-telemetry.ts';

/**
 * How many mails a second one process hands over: the courier (composing, DKIM RSA-2048, 20 connections) against nodemailer's
 * pool with its own DKIM and as many connections, alternating, towards the same sink. `--mails N --rounds N --json`.
 */
const CONNECTIONS = 20;

interface Measure {
  readonly perSecond: number;
  readonly cpuMsPerMail: number;
}

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};

const htmlOf = (index: number): string =>
  `<html><body>${'<p>Your parcel is on its way, and this is a line of words about it.</p>\n'.repeat(28)}${index}</body></html>`;

const jobOf = (index: number): EmailJob => ({
  id: `11111111-2222-4333-8444-${String(index).padStart(12, '0')}`,
  tenant: 'default',
  type: 'marketing',
  priority: 'normal',
  recipient: `user${index}@google.test`,
  payload: {
    from: 'Shop <hello@shop.example>',
    replyTo: null,
    subject: `Your order ${index}`,
    html: htmlOf(index),
    text: null,
    unsubscribeLink: `https://shop.example/u/${index}`,
    oneClick: false,
    headers: [],
    attachments: [],
    mime: null,
  },
  templateId: null,
  templateVersion: null,
  mergeData: [],
  metadata: [],
  tags: [],
  campaign: null,
  sendAt: null,
  expiresAt: null,
  region: null,
  traceparent: null,
});

/** Runs `send` for every index, at most `concurrency` at once. */
async function measure(mails: number, concurrency: number, send: (index: number) => Promise<void>): Promise<Measure> {
  let next = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    while (next < mails) await send(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  const elapsedMs = performance.now() - startedAt;
  const used = process.cpuUsage(cpu);
  return { perSecond: (mails / elapsedMs) * 1_000, cpuMsPerMail: (used.user + used.system) / 1_000 / mails };
}

async function courierArm(port: number, privateKey: string) {
  const limits: SiteLimits = { connectionsMax: CONNECTIONS, messagesPerConnectionMax: 1_000_000, ratePerMinute: null };
  const source: Source = {
    name: 'bench',
    mode: 'relay',
    host: '127.0.0.1',
    port,
    tls: 'none',
    tlsVerify: true,
    user: null,
    password: null,
    localAddress: null,
    helo: 'bench.example',
    connectionsMax: CONNECTIONS,
    messagesPerConnectionMax: 1_000_000,
    region: null,
    isAway: false,
  };
  const maker = await createMailMaker({
    feedbackSenderId: 'postlane',
    unsubscribeBaseUrl: null,
    verp: { current: new VerpSigner([Buffer.alloc(32, 7)]) },
    secrets: new MemorySecrets({ 'file:r': privateKey }),
    telemetry: new RecordingTelemetry(),
    senders: {
      mode: 'lenient',
      list: [
        {
          domain: 'shop.example',
          returnPathDomain: 'shop.example',
          dkim: [{ selector: 'r', algorithm: 'rsa-sha256', privateKey: 'file:r' }],
        },
      ],
    },
  });
  const courier = createCourier({
    credentials: async () => null,
    circuit: { failures: 5, resetMs: 60_000 },
    patienceFactor: 1,
    idleMs: 30_000,
    now: Date.now,
  });
  return {
    // More under way than connections: the next mail is signed while another one is handed over.
    run: (mails: number) =>
      measure(mails, CONNECTIONS * 2, async (index) => {
        const made = await maker.make(jobOf(index), 1_700_000_000_000);
        assert(made.ok, 'the job is sound');
        const outcome = await courier.deliver(made.mail, { source, site: 'google', limits });
        assert(outcome.kind === 'accepted', 'the sink takes everything', { outcome });
      }),
    close: () => courier.close({ withinMs: 1_000 }),
  };
}

function nodemailerArm(port: number, privateKey: string) {
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    pool: true,
    maxConnections: CONNECTIONS,
    maxMessages: 1_000_000,
    secure: false,
    ignoreTLS: true,
    dkim: { domainName: 'shop.example', keySelector: 'r', privateKey },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    run: (mails: number) =>
      measure(mails, CONNECTIONS * 2, async (index) => {
        const { recipient, payload, id } = jobOf(index);
        assert(payload !== null && parseMailbox(recipient).ok, 'the job is sound');
        await transport.sendMail({
          from: payload.from,
          to: recipient,
          subject: payload.subject,
          html: payload.html ?? '',
          headers: { 'List-Unsubscribe': `<${payload.unsubscribeLink}>`, 'X-Entity-Ref-ID': id },
        });
      }),
    close: async () => transport.close(),
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const sink = fork(path.join(import.meta.dirname, 'courier-sink.ts'), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
const port = await new Promise<number>((resolve) => sink.stdout?.once('data', (text) => resolve(Number(text))));
const { privateKey } = await generateDkimKey('rsa-sha256');
const arms = { courier: await courierArm(port, privateKey), nodemailer: nodemailerArm(port, privateKey) };
const mails = argument('mails', 3_000);
const results = { courier: [] as Measure[], nodemailer: [] as Measure[] };
for (const name of ['courier', 'nodemailer'] as const) await arms[name].run(Math.min(500, mails)); // warm-up
for (let round = 0; round < argument('rounds', 5); round++) {
  for (const name of ['courier', 'nodemailer'] as const) results[name].push(await arms[name].run(mails));
}
await arms.courier.close();
await arms.nodemailer.close();
sink.disconnect();

const summary = {
  courier: {
    perSecond: median(results.courier.map((result) => result.perSecond)),
    cpuMsPerMail: median(results.courier.map((result) => result.cpuMsPerMail)),
  },
  nodemailer: {
    perSecond: median(results.nodemailer.map((result) => result.perSecond)),
    cpuMsPerMail: median(results.nodemailer.map((result) => result.cpuMsPerMail)),
  },
};
const ratio = summary.courier.perSecond / summary.nodemailer.perSecond;
if (process.argv.includes('--json')) {
  process.stdout.write(`${JSON.stringify({ ...summary, ratio })}\n`);
} else {
  for (const [name, all] of Object.entries(results)) {
    const rates = all.map(({ perSecond }) => Math.round(perSecond)).join(' ');
    const cpu = summary[name as keyof typeof summary].cpuMsPerMail.toFixed(2);
    process.stdout.write(`${name.padEnd(11)} mails/s ${rates}   CPU ms per mail ${cpu}\n`);
  }
  process.stdout.write(`ratio of medians ${ratio.toFixed(2)}\n`);
}

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmailType } from '../../src/domain/policy.ts';
import { freePort } from '../../src/infra/ports.ts';
import { VerpSigner } from '../../src/smtp/verp-signer.ts';
import { aBounceMail } from '../support/feedback.ts';
import { Pipeline } from '../support/pipeline.ts';
import { GENERIC_SECRET, genericCall } from '../support/webhooks.ts';

const KEY = 'a key of ours for return paths';
const DOMAIN = 'bounces.shop.example';
const START_MS = 300_000;

const job = (id: string, recipient: string, type: EmailType = 'transactional') => ({
  id,
  type,
  recipient,
  payload: { from: 'Shop <news@shop.example>', subject: 'Your order', text: 'Thank you.' },
});

/** Hands a mail in by SMTP; answers the last reply. */
async function handIn(port: number, recipient: string, mail: string): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port });
  socket.setEncoding('latin1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const say = async (line: string): Promise<string> => {
    text = '';
    socket.write(line);
    while (!/^\d{3} .*\r\n/m.test(text)) await once(socket, 'data');
    return text;
  };
  await once(socket, 'data');
  for (const line of ['EHLO mx.inbox.example', 'MAIL FROM:<>', `RCPT TO:<${recipient}>`, 'DATA'])
    await say(`${line}\r\n`);
  const reply = await say(`${mail}\r\n.\r\n`);
  socket.destroy();
  return reply;
}

describe('feedback, from the wire to the next mail', () => {
  let pipeline: Pipeline;
  let directory: string;
  let inboundPort: number;
  let webhooksPort: number;
  let unsubscribePort: number;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-feedback-'));
    await writeFile(join(directory, 'verp'), KEY);
    await writeFile(join(directory, 'hook'), `whsec_${GENERIC_SECRET.toString('base64')}`);
    inboundPort = await freePort();
    webhooksPort = await freePort(new Set([inboundPort]));
    unsubscribePort = await freePort(new Set([inboundPort, webhooksPort]));
    await writeFile(join(directory, 'links'), 'a key of ours for links\n');
    const more = `
verp: { key: "file:${join(directory, 'verp')}" }
unsubscribe: { key: "file:${join(directory, 'links')}", base_url: "https://shop.example/leave", port: ${unsubscribePort} }
inbound: { port: ${inboundPort} }
webhooks: { port: ${webhooksPort}, routes: { hook: { format: generic, secret: "file:${join(directory, 'hook')}" } } }
`;
    const senders = `{ mode: lenient, domains: [{ name: shop.example, return_path: ${DOMAIN} }] }`;
    pipeline = await Pipeline.open({ senders, more, keepRaw: true });
    await pipeline.start(['router', 'worker', 'reputation']);
    await pipeline.start(['inbound', 'webhooks', 'unsubscribe', 'split', 'feedback']);
  }, START_MS);

  afterAll(async () => {
    await pipeline?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  /** Jobs to that recipient, one after the other, until one is suppressed: its result, and how long that took from now. */
  async function suppressed(id: string, recipient: string, type: EmailType = 'transactional') {
    const startedAt = performance.now();
    let [n, tookMs] = [1, 0];
    await pipeline.waitFor(
      'a mail to be suppressed',
      async () => {
        n++;
        tookMs = performance.now() - startedAt;
        await pipeline.publish([job(`${id}-${n}`, recipient, type)]);
        await pipeline.progressed(`${id}-${n}`, 1);
        return pipeline.results.some((result) => result.jobId === `${id}-${n}` && result.ending === 'suppressed');
      },
      30_000,
    );
    // Promised are two seconds, on a machine that is not busy with other suites: said, not asserted.
    process.stderr.write(`${id}: the job that was published ${Math.round(tookMs)} ms later was suppressed\n`);
    return pipeline.results.find((result) => result.jobId === `${id}-${n}` && result.kind === 'ending');
  }

  it('suppresses by a bounce mail to the return path', async () => {
    await pipeline.publish([job('dsn-1', 'ada@inbox.example')]);
    await pipeline.allEnded();
    const { local } = new VerpSigner([Buffer.from(KEY)]).returnPath('default', 'dsn-1', DOMAIN);
    expect(await handIn(inboundPort, `${local}@${DOMAIN}`, aBounceMail())).toMatch(/^250/);
    expect((await suppressed('dsn', 'ada@inbox.example'))?.reason).toMatch(/hard_bounce.*bounced:hard:default\/dsn-1/);
  }, 120_000);

  it('suppresses by a signed webhook that names the Message-ID, and by no forged one', async () => {
    await pipeline.publish([job('hook-1', 'bob@inbox.example')]);
    await pipeline.allEnded();
    const messageId = pipeline.results.find(({ jobId }) => jobId === 'hook-1')?.messageId;
    const body = JSON.stringify({
      type: 'email.bounced',
      data: { recipient: 'bob@inbox.example', messageId, reply: '550 5.1.1 user unknown' },
    });
    const call = async (request: ReturnType<typeof genericCall>): Promise<number> => {
      const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
      const headers = Object.fromEntries(names.map((name) => [name, request.header(name) ?? '']));
      const url = `http://127.0.0.1:${webhooksPort}/v1/webhooks/hook`;
      return (await fetch(url, { method: 'POST', body: Buffer.from(request.body), headers })).status;
    };
    expect(
      await call(genericCall({ body, at: Date.now(), key: Buffer.from('another secret of sufficient size') })),
    ).toBe(401);
    expect(await call(genericCall({ body, at: Date.now() }))).toBe(200);
    expect(await call(genericCall({ body, at: Date.now() }))).toBeLessThan(407);
    expect((await suppressed('hook', 'bob@inbox.example'))?.reason).toMatch(/hard_bounce/);
    expect(pipeline.results.filter(({ jobId, kind }) => jobId === 'hook-1' && kind === 'annotation')).toHaveLength(1);
  }, 120_000);

  it('suppresses by the reply of the server itself', async () => {
    const recipient = 'reject-550-5.1.1@smtp.example';
    await pipeline.publish([job('smtp-1', recipient)]);
    await pipeline.allEnded();
    expect(pipeline.results.find(({ jobId }) => jobId === 'smtp-1')).toMatchObject({ ending: 'bounced' });
    expect((await suppressed('smtp', recipient))?.reason).toMatch(/hard_bounce.*rules.*event/);
  }, 120_000);

  it('suppresses by one click on the link that a newsletter brought, and that type alone', async () => {
    const recipient = 'cleo@inbox.example';
    await pipeline.publish([job('link-1', recipient, 'marketing')]);
    await pipeline.allEnded();
    const raw = pipeline.simulator.journal({ raw: true }).find(({ jobId }) => jobId === 'link-1')?.raw ?? '';
    expect(raw).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
    const path = /List-Unsubscribe:\s+<https:\/\/shop\.example(\/leave\/[\w-]+)>/.exec(raw)?.[1] ?? '';
    const url = `http://127.0.0.1:${unsubscribePort}${path}`;
    expect((await fetch(url)).status).toBe(200);
    const oneClick = { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) };
    expect((await fetch(url, oneClick)).status).toBe(200);
    expect((await suppressed('link', recipient, 'marketing'))?.reason).toMatch(/^unsubscribe:/);
    await pipeline.publish([job('still-1', recipient), job('still-2', recipient, 'notification')]);
    await pipeline.allEnded();
    for (const id of ['still-1', 'still-2']) {
      expect(pipeline.results.find(({ jobId }) => jobId === id)).toMatchObject({ ending: 'sent' });
    }
    await pipeline.waitFor('the annotation', () =>
      pipeline.results.some(({ jobId, annotation }) => jobId === 'link-1' && annotation === 'unsubscribed'),
    );
  }, 120_000);
});

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/infra/ports.ts';
import { VerpSigner } from '../../src/smtp/verp-signer.ts';
import { aBounceMail } from '../support/feedback.ts';
import { Pipeline } from '../support/pipeline.ts';
import { GENERIC_SECRET, genericCall } from '../support/webhooks.ts';

const KEY = 'a key of ours for return paths';
const DOMAIN = 'bounces.shop.example';
const START_MS = 300_000;

const job = (id: string, recipient: string) => ({
  id,
  type: 'transactional' as const,
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

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-feedback-'));
    await writeFile(join(directory, 'verp'), KEY);
    await writeFile(join(directory, 'hook'), `whsec_${GENERIC_SECRET.toString('base64')}`);
    inboundPort = await freePort();
    webhooksPort = await freePort(new Set([inboundPort]));
    const more = `
verp: { key: "file:${join(directory, 'verp')}" }
inbound: { port: ${inboundPort} }
webhooks: { port: ${webhooksPort}, routes: { hook: { format: generic, secret: "file:${join(directory, 'hook')}" } } }
`;
    const senders = `{ mode: lenient, domains: [{ name: shop.example, return_path: ${DOMAIN} }] }`;
    pipeline = await Pipeline.open({ senders, more });
    await pipeline.start(['router', 'worker', 'reputation']);
    await pipeline.start(['inbound', 'webhooks', 'split', 'feedback']);
  }, START_MS);

  afterAll(async () => {
    await pipeline?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const annotated = (jobId: string) =>
    pipeline.results.find((result) => result.jobId === jobId && result.annotation === 'bounced_later');

  /** The next mail to that recipient, once the report of the one before is told. */
  async function next(id: string, recipient: string) {
    await pipeline.waitFor('the annotation', () => annotated(`${id}-1`) !== undefined, 30_000);
    let n = 1;
    await pipeline.waitFor(
      'a mail to be suppressed',
      async () => {
        n++;
        await pipeline.publish([job(`${id}-${n}`, recipient)]);
        await pipeline.progressed(`${id}-${n}`, 1);
        return pipeline.results.some((result) => result.jobId === `${id}-${n}` && result.ending === 'suppressed');
      },
      30_000,
    );
    return pipeline.results.find((result) => result.jobId === `${id}-${n}` && result.kind === 'ending');
  }

  it('suppresses by a bounce mail to the return path', async () => {
    await pipeline.publish([job('dsn-1', 'ada@inbox.example')]);
    await pipeline.allEnded();
    const { local } = new VerpSigner([Buffer.from(KEY)]).returnPath('default', 'dsn-1', DOMAIN);
    expect(await handIn(inboundPort, `${local}@${DOMAIN}`, aBounceMail())).toMatch(/^250/);
    expect((await next('dsn', 'ada@inbox.example'))?.reason).toMatch(/hard_bounce.*bounced:hard:default\/dsn-1/);
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
    expect((await next('hook', 'bob@inbox.example'))?.reason).toMatch(/hard_bounce/);
    expect(pipeline.results.filter(({ jobId, kind }) => jobId === 'hook-1' && kind === 'annotation')).toHaveLength(1);
  }, 120_000);
});

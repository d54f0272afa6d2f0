import type { Infra } from '../../../src/infra/provider.ts';
import { startTestInfra } from '../../support/infra.ts';
import { provision } from '../../support/provision.ts';
import { TestSubmission } from '../../support/submission.ts';
import { runSubmission } from '../../support/submission-run.ts';
import { until } from '../../support/until.ts';

const MAILS = 100;
const message = (headers = '', body = 'Thank you.') => `From: Shop <orders@shop.example>\r\n${headers}\r\n${body}`;

describe('handing in by SMTP', () => {
  let infra: Infra;
  let submission: TestSubmission;
  let key: string;
  let names = 0;
  const someone = (): string => `someone-${process.pid}-${++names}@inbox.example`;

  beforeAll(async () => {
    // The workers must find no other suite's mails.
    infra = await startTestInfra({ own: true });
    await provision(infra);
    submission = await TestSubmission.start(infra, { delivers: true });
    key = (await submission.key()).text;
  }, 180_000);

  afterAll(async () => {
    await submission?.stop();
    await infra?.stop();
  }, 60_000);

  it('by Python’s smtplib: the same MIME trees arrive, with our fields, signed', async () => {
    expect(await runSubmission(submission, key, MAILS, 150_000)).toEqual({
      sent: MAILS,
      arrived: MAILS,
      changed: [],
      unsigned: [],
    });
  }, 180_000);

  it('keeps a job per recipient, with what the fields say, before it answers 250', async () => {
    const client = await submission.client(key);
    const [ada, bob] = [someone(), someone()];
    const reply = await client.send([ada, bob], message('X-Postlane-Type: notification\r\nX-Postlane-Campaign: c\r\n'));
    expect(reply).toMatch(/^250 2\.6\.0 accepted: \S{36} \S{36}$/);
    for (const recipient of [ada, bob]) {
      const jobs = await submission.jobsTo(recipient);
      expect(jobs).toMatchObject([{ type: 'notification', campaign: 'c', tenant: 'default' }]);
      expect(reply).toContain(jobs[0]?.id);
    }
    client.close();
  }, 60_000);

  it('takes one mail where it was handed in twice under a key', async () => {
    const client = await submission.client(key);
    const ada = someone();
    const mail = message(`X-Postlane-Idempotency-Key: ${ada}\r\n`);
    const replies = [await client.send([ada], mail), await client.send([ada], mail)];
    expect(replies[0]).toMatch(/^250/);
    expect(replies[1]).toBe(replies[0]);
    expect(await client.send([ada], mail.replace('Thank', 'thank'))).toMatch(/^554 .*another mail/);
    expect(await submission.jobsTo(ada)).toHaveLength(1);
    client.close();
  }, 60_000);

  it('refuses what could be read as two mails, and takes nothing of it', async () => {
    const victim = someone();
    for (const end of ['\n.\n', '\r\n.\n', '\n.\r\n', '\r.\r', '\r\n.\r', '\r.\r\n', '\n.\r', '\0\r\n.\n']) {
      const client = await submission.client(key);
      await client.begin([someone()]);
      const smuggled = `MAIL FROM:<evil@x.example>\r\nRCPT TO:<${victim}>\r\nDATA\r\n${message()}`;
      client.write(`${message()}${end}${smuggled}\r\n.\r\n`);
      expect(await client.reply()).toMatch(/^554 5\.\d\.\d/);
      expect(await client.say('NOOP')).toMatch(/^250/);
      client.close();
    }
    expect(await submission.jobsTo(victim)).toEqual([]);
  }, 60_000);

  it('lets in what may send, at its rate and within its quota, and nobody whose key was revoked a moment ago', async () => {
    const { text: reading } = await submission.key({ scopes: ['emails:read'] });
    await expect(submission.client(reading)).rejects.toThrow(/535 .*emails:send/);
    const { text: slow } = await submission.key({ requestsPerSecond: 1, mailsPerDay: 2 });
    const client = await submission.client(slow);
    await until('two mails in one second', async () => {
      const reply = await client.say('MAIL FROM:<app@shop.example>');
      await client.say('RSET');
      return reply.startsWith('450 4.7.1');
    });
    client.close();
    const { text, row } = await submission.key();
    const open = await submission.client(text);
    expect(await open.send([someone()], message())).toMatch(/^250/);
    await submission.putKey({ ...row, revoked: true });
    await until('the key to be refused', async () => {
      const reply = await open.send([someone()], message());
      return reply.startsWith('535');
    });
    open.close();
  }, 60_000);

  it('is answered 451 while the broker is away, and taken once it is back', async () => {
    const impatient = await TestSubmission.start(infra, { yaml: 'submission: { accept_timeout: 1s }' });
    try {
      const client = await impatient.client(key);
      const ada = someone();
      const mail = message(`X-Postlane-Idempotency-Key: ${ada}\r\n`);
      const broker = Number(infra.processes().find(({ role }) => role === 'broker')?.pid);
      process.kill(broker, 'SIGSTOP');
      try {
        expect(await client.send([ada], mail)).toMatch(/^451 4\.3\.0/);
      } finally {
        process.kill(broker, 'SIGCONT');
      }
      await until('the mail to be taken', async () => (await client.send([ada], mail)).startsWith('250'));
      // The first try may have landed all the same: it is the same job then.
      const ids = new Set((await impatient.jobsTo(ada)).map(({ id }) => id));
      expect(ids.size).toBe(1);
      client.close();
    } finally {
      await impatient.stop();
    }
  }, 120_000);
});

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startReputation } from '../../processors/reputation/main.ts';
import { type ApiViews, openApiViews } from '../../producers/http/views.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Feedback, ReputationSignal } from '../../src/contracts/generated.ts';
import { type Topic, topics } from '../../src/contracts/topic.ts';
import { ending, signal } from '../../src/domain/results.ts';
import { emptySuppression, recipientSubject, tenantRecipientSubject } from '../../src/domain/suppression.ts';
import { HOUR_MS } from '../../src/domain/time.ts';
import { type Host, type Hosted, openHost } from '../../src/host/host.ts';
import { openViews, type Views } from '../../src/host/views.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { aJob } from '../../src/testing/builders.ts';
import { runCli } from '../support/cli.ts';
import { aboutIdentity } from '../support/identity-events.ts';
import { withInfra } from '../support/infra.ts';
import { silentTelemetry } from '../support/kafka.ts';
import { provision } from '../support/provision.ts';

describe('a replay', () => {
  let directory: string;
  let host: Host;
  let role: Hosted;
  let views: Views;
  let api: ApiViews;
  let publisher: Publisher;
  // Before the infrastructure's own: members leave their groups while there is a broker.
  afterAll(async () => {
    await api?.stop();
    await views?.stop();
    await role?.stop();
    await publisher?.close();
    await host?.close();
    if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }, 120_000);
  const infra = withInfra({ own: true });
  const now = Date.now();
  const DOUBTFUL = 'identity:source:marketing-1|google';
  const DEAD = `dead.${randomUUID()}@inbox.example`;
  const OF_TENANT = tenantRecipientSubject('acme', DEAD);

  const environment = () => ({
    KAFKA_BROKERS: infra().brokers.join(','),
    SCHEMA_REGISTRY_URL: infra().schemaRegistryUrl,
    POSTLANE_STATE_DIR: join(directory, 'state'),
    POSTLANE_KAFKA_SESSION_TIMEOUT: '6s',
  });
  const postlane = (...args: string[]) => runCli(args, { environment: environment(), workingDirectory: directory });
  /** The lines of `--json`: differences, and the summary as the last one. */
  const replayed = async (...args: string[]) => {
    const { status, printed, told } = await postlane('replay', '--json', ...args);
    expect([status, told.filter((line) => line.startsWith('postlane'))]).toEqual([0, []]);
    const lines = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { differences: lines.slice(0, -1), summary: lines.at(-1) as Record<string, unknown> };
  };
  /** Differences of a replay during which nothing moved: what does is left out of them, and a tick comes every minute. */
  const compared = (...args: string[]) =>
    waitFor(
      'a replay while nothing moves',
      async () => {
        const replay = await replayed(...args, '--diff');
        return replay.summary.inMotion === 0 ? replay : undefined;
      },
      { deadlineMs: 90_000 },
    );
  const append = (...signals: ReputationSignal[]) =>
    publisher.append(
      signals.map((one) => ({
        topic: topics.reputation.name,
        key: one.subject,
        value: host.codec.encode(topics.reputation, one),
      })),
    );
  const bounced = (address: string): ReputationSignal => {
    const subject = recipientSubject(address);
    const facts = { eventId: randomUUID(), subject, kind: 'bounced', at: Date.now(), tenant: 'default' } as const;
    return signal({ ...facts, type: 'marketing', smtpCode: 550, enhancedCode: '5.1.1', reply: 'no such user' });
  };
  const until = (what: string, holds: () => boolean) =>
    waitFor(what, async () => (holds() ? true : undefined), { deadlineMs: 60_000 });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-replay-'));
    await provision(infra());
    const config = loadConfig({ text: 'reputation: {warm_up: {sources: [marketing-1]}}', env: environment() });
    host = await openHost(config, silentTelemetry, 'replay-test');
    publisher = new Publisher({ kafka: host.kafka });
    role = await startReputation(host);
    views = await openViews(host, null);
    api = await openApiViews(host, join(directory, 'api'));
    await append(
      signal({
        eventId: randomUUID(),
        subject: OF_TENANT,
        kind: 'suppression_added',
        at: now,
        tenant: 'acme',
        type: 'unknown',
      }),
      bounced(DEAD),
      aboutIdentity(DOUBTFUL, 'sent_counted', now - 2 * HOUR_MS, { count: 9_850 }),
      ...Array.from({ length: 150 }, (_, n) =>
        aboutIdentity(DOUBTFUL, 'bounced', now - 2 * HOUR_MS, { eventId: `bounce-${n}` }),
      ),
      aboutIdentity(DOUBTFUL, 'ticked', now - HOUR_MS),
    );
    await until(
      'the tables',
      () => views.suppressionOfAddress(DEAD) !== undefined && views.scoreOf(DOUBTFUL) !== undefined,
    );
  }, 300_000);

  it('under the same rules differs in nothing', async () => {
    const { differences, summary } = await replayed('--diff');
    expect(differences).toEqual([]);
    expect(summary).toMatchObject({ events: expect.any(Number), undecodable: 0, differences: {}, promoted: null });
  }, 120_000);

  it('reads only what is new where it was interrupted', async () => {
    // Of somebody whose row another process has written.
    await append(aboutIdentity(DOUBTFUL, 'sent_counted', now - 2 * HOUR_MS, { count: 1 }));
    const { summary } = await replayed();
    expect(summary).toMatchObject({ resumed: true });
    expect(Number(summary.read)).toBeLessThan(Number(summary.events));
  }, 120_000);

  it('says the same however many threads fold, and goes on after it was stopped', async () => {
    const others = ['--thresholds', 'bounce=0.015'];
    const stopped = AbortSignal.abort();
    const { status, told } = await runCli(['replay', ...others, '--threads', '3'], {
      environment: environment(),
      workingDirectory: directory,
      interrupted: stopped,
    });
    expect([status, told.join('\n')]).toEqual([1, expect.stringContaining('STOPPED')]);
    // What was written down while the tables were read is in motion, and not compared.
    const settledAt = Date.now() + 3_000;
    await until('the signals to be old news', () => Date.now() > settledAt);
    const few = await compared(...others, '--threads', '1');
    expect(few.summary).toMatchObject({ resumed: true, undecodable: 0 });
    await rm(join(directory, 'state', 'replay'), { recursive: true });
    const anew = await replayed(...others, '--threads', '8');
    expect(anew.summary).toMatchObject({ resumed: false, read: anew.summary.events });
    expect(Number(anew.summary.events)).toBeGreaterThanOrEqual(Number(few.summary.events));
    const many = await compared(...others, '--threads', '8');
    expect(many.differences).toEqual(few.differences);
    expect(few.differences).toContainEqual(expect.objectContaining({ subject: DOUBTFUL, change: 'changed' }));
    expect((await postlane('replay', '--threads', '0')).status).not.toBe(0);
  }, 120_000);

  it('under other thresholds names who would have been throttled and when; is promoted, followed, and rolled back', async () => {
    expect(views.scoreOf(DOUBTFUL)).toMatchObject({ action: 'none' });
    const { differences } = await compared('--thresholds', 'bounce=0.01');
    await replayed('--thresholds', 'bounce=0.01', '--diff', '--promote');
    const scores = differences.filter(({ table }) => table === 'email.scores');
    expect(scores).toMatchObject([
      { subject: DOUBTFUL, change: 'changed', after: expect.stringContaining('throttle') },
    ]);
    await until('the new edition', () => views.scoreOf(DOUBTFUL)?.action === 'throttle');
    expect(views.suppressionOfAddress(DEAD)).toMatchObject({ active: true });
    // What a tenant said went along, and the API follows as router and workers do.
    expect(views.suppressionsOf('acme', DEAD)).toContainEqual(
      expect.objectContaining({ subject: OF_TENANT, active: true, tenant: 'acme' }),
    );
    const marker = emptySuppression(recipientSubject('marker@inbox.example'));
    await publisher.append([
      {
        topic: topics.suppressions.name,
        key: `g1/${marker.subject}`,
        value: host.codec.encode(topics.suppressions, marker),
      },
    ]);
    await until('the API to follow', () => api.suppressions.get(marker.subject) !== undefined);
    expect(api.suppressions.get(OF_TENANT)).toMatchObject({ active: true, tenant: 'acme' });
    expect(api.suppressions.page('tenant:acme:', null, 10).map(({ key }) => key)).toEqual([OF_TENANT]);
    // Both editions go on: what comes now is known after going back as well.
    const later = `later.${randomUUID()}@inbox.example`;
    await append(bounced(later));
    await until('a suppression in the new edition', () => views.suppressionOfAddress(later)?.active === true);
    expect((await replayed('--rollback')).summary).toEqual({ active: 0, standby: 1 });
    await until('the old edition', () => views.scoreOf(DOUBTFUL)?.action === 'none');
    expect(views.suppressionOfAddress(later)).toMatchObject({ active: true });
  }, 300_000);

  it('reads raw feedback again, in place of what was made of it at the time', async () => {
    const [misread, unread] = ['misread', 'unread'].map((name) => `${name}.${randomUUID()}@inbox.example`);
    const sent = (jobId: string, recipient: string) =>
      ending(aJob({ id: jobId, recipient }), 'sent', 1, Date.now(), {
        source: 'transactional-1',
        messageId: `<${jobId}@shop.example>`,
      });
    const told = (route: string, jobId: string, address: string, reply: string, at: number): Feedback => ({
      route,
      format: 'generic',
      at,
      body: Buffer.from(
        JSON.stringify({
          type: 'email.bounced',
          data: { recipient: address, messageId: `${jobId}@shop.example`, reply },
        }),
      ),
      batchId: `${jobId}/${reply}`,
      recipient: null,
      sender: null,
      peer: null,
    });
    const record = <V>(topic: Topic<V>, key: string, value: V) => ({
      topic: topic.name,
      key,
      value: host.codec.encode(topic, value as never),
    });
    // Of one address the log has what an older reader took for a dead mailbox; of the other it has nothing.
    const asThen = { ...bounced(misread as string), route: 'hook', jobId: 'job-misread' };
    await publisher.append([
      record(topics.results('transactional'), 'job-misread', sent('job-misread', misread as string)),
      record(topics.results('transactional'), 'job-unread', sent('job-unread', unread as string)),
      record(
        topics.feedback,
        'a',
        told('hook', 'job-misread', misread as string, '552 5.2.2 mailbox full', Date.now()),
      ),
      record(topics.feedback, 'b', told('hook', 'job-unread', unread as string, '550 5.1.1 user unknown', Date.now())),
      record(topics.feedback, 'c', told('hook', 'job-unread', unread as string, '550 5.1.1 user unknown', Date.now())),
      record(
        topics.feedback,
        'd',
        told('gone', 'job-misread', misread as string, '550 5.1.1 user unknown', Date.now()),
      ),
    ]);
    await append(asThen);
    await until(
      'the suppression as it was read then',
      () => views.suppressionOfAddress(misread as string)?.active === true,
    );
    // What was written down while the tables were read is in motion, and not compared.
    const settledAt = Date.now() + 5_000;
    await until('the signals to be old news', () => Date.now() > settledAt);
    await writeFile(
      join(directory, 'feedback.yaml'),
      'reputation: {warm_up: {sources: [marketing-1]}}\nwebhooks: {routes: {hook: {format: generic, secret: env:HOOK}}}\n',
    );
    const options = ['--from-feedback', '--diff', '--config', 'feedback.yaml'];
    const { differences, summary } = await replayed(...options);
    const suppressions = differences.filter(({ table }) => table === 'email.suppressions');
    expect(
      new Set(suppressions.map(({ subject, change, after }) => `${subject} ${change} ${String(after)}`.slice(0, 80))),
    ).toEqual(
      new Set([
        `${recipientSubject(misread as string)} changed not suppressed`.slice(0, 80),
        `${recipientSubject(unread as string)} added hard_bounce since`.slice(0, 80),
      ]),
    );
    expect(summary).toMatchObject({ feedbackSince: 0 });
    // Once more it goes on where it was, and says the same.
    const again = await replayed(...options);
    expect(again.differences).toEqual(differences);
    expect(again.summary).toMatchObject({ resumed: true });
  }, 240_000);

  it('lists, exports and explains what is in force', async () => {
    expect((await postlane('suppressions', 'list')).printed).toContain(`${DEAD}  hard_bounce`);
    const { printed } = await postlane('suppressions', 'export');
    expect(printed).toContain(`\n${DEAD},hard_bounce,`);
    const file = join(directory, 'list.csv');
    await writeFile(file, 'email,reason\nasked@inbox.example,by letter\nnobody\n');
    expect((await postlane('suppressions', 'import', 'list.csv')).status).toBe(2);
    await until('the imported address', () => views.suppressionOfAddress('asked@inbox.example') !== undefined);
    expect((await postlane('suppressions', 'show', 'asked@inbox.example')).printed).toContain('because by letter');
    expect((await postlane('reputation', 'show', 'marketing-1')).printed).toContain('150 bounced');
    // Raised where the day of what happened two hours ago has ended since.
    expect((await postlane('warmup', 'status')).printed).toMatch(
      /identity:source:marketing-1\|google: 1[02]0 mails a day/,
    );
  }, 120_000);

  it('refuses rules that there are not', async () => {
    const { status, told } = await postlane('replay', '--thresholds', 'bounces=0.01');
    expect(status).not.toBe(0);
    expect(told.join('\n')).toContain('there is no bounces');
  });
});

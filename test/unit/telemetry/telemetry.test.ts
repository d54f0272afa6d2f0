import { spawnSync } from 'node:child_process';
import { PostlaneError } from '../../../src/domain/error.ts';
import { ProcessTelemetry } from '../../../src/telemetry/telemetry.ts';

const started: ProcessTelemetry[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((telemetry) => telemetry.stop()));
});

function start(level: 'debug' | 'info' | 'silent' = 'debug', addressKey: Uint8Array | null = null) {
  const lines: string[] = [];
  const telemetry = new ProcessTelemetry({
    role: 'worker',
    level,
    addressKey,
    destination: { write: (line: string) => void lines.push(line) },
  });
  started.push(telemetry);
  return { telemetry, lines, last: () => JSON.parse(lines.at(-1) as string) };
}

describe('a metric', () => {
  it('is scraped with its help and labels', async () => {
    const { telemetry } = start();
    telemetry.count('postlane_units_total', { queue: 'marketing', provider: 'google', what: 'sent' }, 3);
    telemetry.gauge('postlane_units_in_flight', 7, { queue: 'marketing' });
    telemetry.observe('postlane_commit_duration_ms', 12, { processor: 'router' });
    const text = await telemetry.metrics.text();
    expect(text).toContain('postlane_units_total{queue="marketing",provider="google",what="sent",role="worker"} 3');
    expect(text).toContain('postlane_units_in_flight{queue="marketing",role="worker"} 7');
    expect(text).toMatch(/postlane_commit_duration_ms_bucket\{[^}]*le="20"[^}]*\} 1/);
    expect(text).toMatch(/# HELP postlane_units_total .*Worry when/);
    expect(text).toMatch(/postlane_event_loop_delay_ms\{quantile="0.99",role="worker"\} \d/);
  });

  it('that is not declared is a bug', () => {
    const { telemetry } = start();
    expect(() => telemetry.count('postlane_typos_total')).toThrow(expect.objectContaining({ code: 'BUG' }));
    expect(() => telemetry.gauge('postlane_units_total', 1)).toThrow(expect.objectContaining({ code: 'BUG' }));
    expect(() => telemetry.observe('postlane_units_total', 1)).toThrow(expect.objectContaining({ code: 'BUG' }));
  });
});

describe('a line', () => {
  it('says who, when, what and the facts', () => {
    const { telemetry, last } = start();
    telemetry.log('warn', 'a lane waits', { lane: 'marketing.google', waitMs: 5 });
    expect(last()).toMatchObject({
      level: 'warn',
      role: 'worker',
      pid: process.pid,
      msg: 'a lane waits',
      facts: { lane: 'marketing.google', waitMs: 5 },
    });
    expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('below the level is not written', () => {
    const quiet = start('info');
    quiet.telemetry.log('debug', 'a detail');
    const silent = start('silent');
    silent.telemetry.log('error', 'a disaster');
    expect([...quiet.lines, ...silent.lines]).toEqual([]);
  });

  it.each([
    ['in a fact', { recipient: 'Anna.Nym@Shop.example' }],
    ['in a text', { reply: '550 5.1.1 <anna.nym@shop.example>: no such user' }],
    ['as a key', { tried: { 'anna.nym@shop.example': 1 } }],
    ['in a list', { recipients: [['x', 'anna.nym@shop.example,b@c.example']] }],
    ['in a map', { tried: new Map([['anna.nym@shop.example', 1]]) }],
    ['in an error', { error: new Error('cannot send to anna.nym@shop.example') }],
    ['in facts of an error', { error: new PostlaneError('BUG', { to: 'anna.nym@shop.example' }) }],
    ['in the cause of an error', { error: new Error('x', { cause: new Error('anna.nym@shop.example') }) }],
    ['with a quoted local part', { reply: '"anna nym"@shop.example' }],
    ['without a dot', { reply: 'anna.nym@localhost' }],
    ['beyond ASCII', { reply: 'änna.nym@bücher.example' }],
    ['in a URL', { url: 'redis://anna.nym:hunter2@shop.example:6379' }],
  ])('hides an address %s', (_, facts) => {
    const { telemetry, lines } = start();
    telemetry.log('info', 'something happened to anna.nym@shop.example', facts);
    expect(lines.join('')).not.toMatch(/nna.nym|@|hunter2/i);
    expect(lines.join('')).toContain('address-');
  });

  it('leaves content and secrets out', () => {
    const { telemetry, lines } = start();
    const job = { id: 'job-1', payload: { html: '<p>pin 4711</p>' } };
    telemetry.log('info', 'a job', {
      job,
      password: 'pin 4711',
      inner: { Subject: 'pin 4711' },
      bytes: Buffer.from('4711'),
    });
    expect(lines.join('')).not.toContain('4711');
    expect(lines.join('')).toContain('job-1');
  });

  it('is bounded, and survives what cannot be written', () => {
    const { telemetry, lines } = start();
    const circle: Record<string, unknown> = { big: 10n };
    circle.self = circle;
    telemetry.log('info', 'x', { circle, long: 'y'.repeat(100_000), many: Array(10_000).fill(1) });
    expect(lines).toHaveLength(1);
    expect((lines[0] as string).length).toBeLessThan(10_000);
  });

  it('keeps the code, the facts and the place of an error', () => {
    const { telemetry, last } = start();
    telemetry.log('error', 'failed', { error: new PostlaneError('KAFKA_UNAVAILABLE', { broker: 'a:1' }) });
    const { error } = last().facts;
    expect(error).toMatchObject({ name: 'PostlaneError', code: 'KAFKA_UNAVAILABLE', facts: { broker: 'a:1' } });
    expect(error.stack).toContain('telemetry.test');
  });

  it('keeps paths of packages readable', () => {
    const { telemetry, lines } = start();
    telemetry.log('info', 'x', { at: 'node_modules/@kafkajs/confluent-schema-registry/dist/index.js' });
    expect(lines.join('')).toContain('node_modules/@kafkajs/confluent-schema-registry');
  });
});

describe('an address hash', () => {
  it('is the same for the same address and key only', () => {
    const one = start('info', Buffer.from('key')).telemetry;
    const same = start('info', Buffer.from('key')).telemetry;
    const other = start('info').telemetry;
    expect(one.hashAddress('A@x.example')).toBe(same.hashAddress('a@X.example'));
    expect(one.hashAddress('a@x.example')).not.toBe(one.hashAddress('b@x.example'));
    expect(one.hashAddress('a@x.example')).not.toBe(other.hashAddress('a@x.example'));
  });
});

describe('a process that ends', () => {
  const module = new URL('../../../src/telemetry/telemetry.ts', import.meta.url).href;
  const run = (ending: string) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { ProcessTelemetry } from '${module}';
         const telemetry = new ProcessTelemetry({ role: 'x', level: 'info', addressKey: null });
         for (let line = 0; line < 500; line += 1) telemetry.log('info', 'line ' + line);
         ${ending}`,
      ],
      { encoding: 'utf8', timeout: 20_000 },
    );

  it.each([
    ['by stopping', 'await telemetry.stop();'],
    ['by exit', 'process.exit(3);'],
  ])('%s has written all of its lines, on standard error', (_, ending) => {
    const { stderr, stdout } = run(ending);
    expect(stderr.trim().split('\n')).toHaveLength(500);
    expect(stdout).toBe('');
  });
});

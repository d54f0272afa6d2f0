import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, environment } from '../../src/config/environment.ts';
import type { DeadLetter, DeliveryResult } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import { createPublisher, type EmailJobInput, type JobPublisher } from '../../src/index.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { createKafka, type KafkaClient } from '../../src/kafka/client.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { TopicTail } from '../../src/kafka/topic-tail.ts';
import { openRegistryCodec } from '../../src/registry/codec.ts';
import { JOB_BYTES_MAX_DEFAULT } from '../../src/registry/limits.ts';
import type { Codec } from '../../src/runtime/codec.ts';
import type { Landed, LogRecord } from '../../src/runtime/ports.ts';
import { type Simulator, startSimulator } from '../../src/testing/simulator/index.ts';
import { type CliRun, runCli } from './cli.ts';
import { committedOffsets } from './committed-offsets.ts';
import { startTestInfra, type TestInfraOptions } from './infra.ts';
import { type Bounds, type Facts, uphold, type Verdict } from './oracle.ts';
import { type PipelineSettings, pipelineConfig } from './pipeline-config.ts';
import { provision } from './provision.ts';
import { Quiet } from './quiet.ts';
import { RoleProcess } from './role-process.ts';

/** As much as the topics of jobs take, and more than a job may have. */
const RECORD_BYTES_MAX = JOB_BYTES_MAX_DEFAULT + 32 * 1_024;
/** For every wait: a bound against hanging, not a promise. */
const WAIT_MS_MAX = 120_000;

/** A pipeline whose every part is a process that a test may break, and what can be seen of it from outside. */
export class Pipeline {
  readonly infra: Infra;
  readonly simulator: Simulator;
  readonly kafka: KafkaClient;
  readonly codec: Codec;
  readonly results: DeliveryResult[] = [];
  readonly deadLetters: DeadLetter[] = [];
  private readonly settings: PipelineSettings;
  private readonly directory: string;
  private readonly publisher: JobPublisher;
  private readonly appender: Publisher;
  private readonly tail: TopicTail;
  private readonly quiet: Quiet;
  private readonly running = new Set<RoleProcess>();
  private readonly accepted = new Set<string>();
  private readonly inDoubt = new Set<string>();
  private readonly ended = new Set<string>();
  private started = 0;
  /** Something was found: what the processes said is kept. */
  private broken = false;

  private constructor(parts: {
    readonly settings: PipelineSettings;
    readonly infra: Infra;
    readonly simulator: Simulator;
    readonly kafka: KafkaClient;
    readonly codec: Codec;
    readonly directory: string;
    readonly publisher: JobPublisher;
  }) {
    this.settings = parts.settings;
    this.infra = parts.infra;
    this.simulator = parts.simulator;
    this.kafka = parts.kafka;
    this.codec = parts.codec;
    this.directory = parts.directory;
    this.publisher = parts.publisher;
    this.appender = new Publisher({ kafka: parts.kafka, recordBytesMax: RECORD_BYTES_MAX });
    this.quiet = new Quiet(parts.kafka);
    this.tail = new TopicTail(parts.kafka, (topic, _, records) => this.saw(topic, records));
  }

  /** Infrastructure of its own, topics, schemas and the sink; no role yet. */
  static async open(settings: PipelineSettings = {}, infraOptions: TestInfraOptions = {}): Promise<Pipeline> {
    const undo: (() => Promise<void>)[] = [];
    try {
      const directory = await mkdtemp(join(tmpdir(), 'postlane-faults-'));
      undo.push(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
      const infra = await startTestInfra({ own: true, dataDirectory: join(directory, 'infra'), ...infraOptions });
      undo.push(() => infra.stop());
      await provision(infra);
      const simulator = await startSimulator({ keepRaw: settings.keepRaw });
      undo.push(() => simulator.stop());
      const { brokers, schemaRegistryUrl } = infra;
      const kafka = await createKafka({ brokers, clientId: 'postlane-faults' });
      const url = schemaRegistryUrl;
      const codec = await openRegistryCodec({
        url,
        encodes: [...EMAIL_TYPES.map((type) => topics.ingest(type)), topics.reputation],
        jobBytesMax: JOB_BYTES_MAX_DEFAULT,
      });
      const publisher = await createPublisher({ brokers, schemaRegistryUrl });
      undo.push(() => publisher.close({ withinMs: 5_000 }));
      const pipeline = new Pipeline({ settings, infra, simulator, kafka, codec, directory, publisher });
      await pipeline.tail.start([...EMAIL_TYPES.map((type) => topics.results(type).name), topics.deadLetters.name]);
      return pipeline;
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.running].map((role) => this.stop(role)));
    await this.publisher.close({ withinMs: 5_000 });
    await this.appender.close();
    await this.tail.stop();
    await this.simulator.stop();
    await this.infra.stop();
    if (!this.broken) await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Starts a process that does these roles. Settles when it is ready, or at once where it is not waited for. */
  async start(
    roles: string | readonly string[],
    options: {
      readonly queues?: readonly string[];
      readonly environment?: Environment;
      /** What differs from the pipeline's own. */
      readonly settings?: PipelineSettings;
      /** Default true. */
      readonly wait?: boolean;
    } = {},
  ): Promise<RoleProcess> {
    const names = typeof roles === 'string' ? [roles] : roles;
    const name = `${++this.started}-${names.join('+')}`;
    const config = join(this.directory, `${name}.yaml`);
    await writeFile(config, pipelineConfig({ ...this.settings, ...options.settings }));
    const role = await RoleProcess.start({
      name,
      roles: names,
      queues: options.queues,
      config,
      environment: { ...this.environment(), ...options.environment },
      logDirectory: join(this.directory, 'logs'),
    });
    this.running.add(role);
    void role.died(Number.POSITIVE_INFINITY).then(() => this.running.delete(role));
    return options.wait === false ? role : role.ready();
  }

  /** The configuration that roles start with, as a file for commands. */
  async configuration(): Promise<string> {
    const file = join(this.directory, 'commands.yaml');
    await writeFile(file, pipelineConfig(this.settings));
    return file;
  }

  /** A command of postlane over this pipeline, within this process. */
  async cli(...args: readonly string[]): Promise<CliRun> {
    return runCli([...args, '--config', await this.configuration()], {
      environment: this.environment(),
      workingDirectory: this.directory,
    });
  }

  /** Ends it gracefully. */
  async stop(role: RoleProcess): Promise<void> {
    await role.stop();
    this.running.delete(role);
  }

  /** What the environment of a command or role of this pipeline says. */
  environment(): Environment {
    const { brokers, schemaRegistryUrl, redisUrl } = this.infra;
    return {
      ...environment(),
      KAFKA_BROKERS: brokers.join(','),
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      REDIS_URL: redisUrl ?? '',
      POSTLANE_STATE_DIR: join(this.directory, 'state'),
      POSTLANE_HTTP_PORT: '0',
      POSTLANE_RELAY_HOST: this.simulator.host,
      POSTLANE_RELAY_PORT: String(this.simulator.smtpPort),
    };
  }

  /** Publishes jobs; settles when each is acknowledged or given up. All of them are judged at the end. */
  async publish(jobs: readonly EmailJobInput[]): Promise<void> {
    await Promise.all(
      jobs.map(async (job) => {
        if (job.id === undefined) throw new Error('a job of a test has an id');
        this.inDoubt.add(job.id);
        await this.publisher.publish(job);
        this.inDoubt.delete(job.id);
        this.accepted.add(job.id);
      }),
    );
  }

  /** Appends records as they are, past every check of a publisher; answers where they lie. */
  async append(records: readonly LogRecord[]): Promise<readonly Landed[]> {
    return this.appender.append(records);
  }

  /** Jobs that nobody was promised anything about: each may end, but not twice. */
  doubt(ids: Iterable<string>): void {
    for (const id of ids) this.inDoubt.add(id);
  }

  /** Publishes little by little, so that no more than so many are on their way; settles when all are accepted. */
  async stream(jobs: readonly EmailJobInput[], { outstandingMax = 150, wave = 25 } = {}): Promise<void> {
    for (let at = 0; at < jobs.length; at += wave) {
      await this.waitFor('room for more jobs', () => this.accepted.size - this.ended.size < outstandingMax);
      await this.publish(jobs.slice(at, at + wave));
    }
  }

  /** How many of the jobs whose ids begin so have ended. */
  endedOf(prefix: string): number {
    let count = 0;
    for (const id of this.ended) if (id.startsWith(prefix)) count++;
    return count;
  }

  /** Settles when so many of the jobs whose ids begin so have ended. */
  async progressed(prefix: string, count: number): Promise<void> {
    await this.waitFor(`${count} endings of ${prefix}`, () => this.endedOf(prefix) >= count);
  }

  /** Settles when every job that was accepted has an ending. */
  async allEnded(deadlineMs = WAIT_MS_MAX): Promise<void> {
    await this.waitFor('every job to end', () => this.missing().length === 0, deadlineMs);
  }

  /** Settles when nothing waits in any topic any more, so that what was done twice has been seen twice. */
  async comesToRest(deadlineMs = WAIT_MS_MAX): Promise<void> {
    await this.allEnded(deadlineMs);
    await this.quiet.until({ deadlineMs });
  }

  /** Waits for a condition; tells at its deadline what every process said last. */
  async waitFor(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = WAIT_MS_MAX): Promise<void> {
    const diagnose = () => {
      this.broken = true;
      const missing = this.missing();
      const processes = [...this.running].map((role) => ({ name: role.name, log: role.logTail(3) }));
      return { missing: missing.length, some: missing.slice(0, 5), processes, logs: this.directory };
    };
    await waitFor(what, async () => ((await condition()) ? true : undefined), { deadlineMs, diagnose });
  }

  private missing(): readonly string[] {
    return [...this.accepted].filter((id) => !this.ended.has(id));
  }

  /** What was seen of the jobs whose ids begin so, and of everything that nobody published. */
  async facts(prefix: string): Promise<Facts> {
    const others = (jobId: string) =>
      !jobId.startsWith(prefix) && (this.accepted.has(jobId) || this.inDoubt.has(jobId));
    const mine = (ids: ReadonlySet<string>) => new Set([...ids].filter((id) => id.startsWith(prefix)));
    return {
      accepted: mine(this.accepted),
      inDoubt: mine(this.inDoubt),
      copies: this.simulator.journal().filter(({ jobId }) => !others(jobId)),
      results: this.results.filter(({ jobId }) => !others(jobId)),
      commits: await committedOffsets(this.kafka, 'postlane.'),
    };
  }

  /** Waits until nothing moves, and judges. Throws the report where an invariant is broken. */
  async judged(prefix: string, bounds: Omit<Bounds, 'held'>, deadlineMs?: number): Promise<Verdict> {
    await this.comesToRest(deadlineMs);
    const facts = await this.facts(prefix);
    try {
      return uphold(facts, { held: new Set(['marketing']), ...bounds });
    } catch (error) {
      this.broken = true;
      await writeFile(join(this.directory, 'facts.json'), JSON.stringify({ ...facts, accepted: [...facts.accepted] }));
      throw new Error(`${(error as Error).message}\nwhat was seen, and what the processes said: ${this.directory}`, {
        cause: error,
      });
    }
  }

  private async saw(topic: string, records: Parameters<Codec['prepare']>[1]): Promise<void> {
    const type = EMAIL_TYPES.find((each) => topics.results(each).name === topic);
    const read = <V>(from: { readonly name: string; readonly schema: string; readonly _value?: V }) =>
      this.decoded(from, records);
    if (type === undefined) {
      this.deadLetters.push(...(await read(topics.deadLetters)));
      return;
    }
    for (const result of await read(topics.results(type))) {
      this.results.push(result);
      if (result.kind === 'ending') this.ended.add(result.jobId);
    }
  }

  private async decoded<V>(
    topic: { readonly name: string; readonly schema: string; readonly _value?: V },
    records: Parameters<Codec['prepare']>[1],
  ): Promise<V[]> {
    await this.codec.prepare(topic, records);
    return records.map((record) => {
      const decoded = this.codec.decode(topic, record.value);
      if (!decoded.ok) throw new Error(`${topic.name}@${record.offset}: ${decoded.reason} ${decoded.detail}`);
      return decoded.value;
    });
  }
}

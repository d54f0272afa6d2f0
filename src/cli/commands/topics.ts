import type { Command } from 'commander';
import type { Config } from '../../config/types.ts';
import type { TopicSpec } from '../../contracts/catalog.ts';
import { PostlaneError } from '../../domain/error.ts';
import { createKafka } from '../../kafka/client.ts';
import type { TopicAdmin } from '../../kafka/topic-admin.ts';
import { applyTopics, planCluster } from '../../kafka/topic-admin.ts';
import type { TopicPlan, TopicPlanOptions } from '../../kafka/topic-plan.ts';
import { changesAnything } from '../../kafka/topic-plan.ts';
import { catalogOf, configsOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';

interface TopicsOptions {
  readonly config?: string;
  readonly json?: true;
  readonly allowStateGrowth?: true;
}

const EXIT_REFUSED = 1;
const EXIT_PENDING = 2;

/** `postlane topics plan` and `apply`: the cluster's topics against topics.yaml. */
export function register(program: Command, context: CliContext): void {
  const topics = program
    .command('topics')
    .summary('compare the topics of the cluster with topics.yaml, and create them');
  topics
    .command('plan')
    .summary('show what apply would do')
    .description(
      'Shows what `topics apply` would do, and changes nothing. Ends with 0 where there is nothing to do, 2 where there ' +
        'is, and 1 where something differs that is not changed without being told so.',
    )
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--allow-state-growth', 'plan growth also where keys then move away from their state')
    .option('--json', 'as one JSON object')
    .action(async (options: TopicsOptions) => {
      const plan = await inEveryRegion(context, options, (admin, catalog) =>
        planCluster(admin, catalog, planOptions(options)),
      );
      context.print(options.json ? `${planJson(plan)}\n` : planText(plan));
      context.setExitStatus(plan.refusals.length > 0 ? EXIT_REFUSED : changesAnything(plan) ? EXIT_PENDING : 0);
    });
  topics
    .command('apply')
    .summary('create, grow and alter topics; never shrink or delete')
    .description(
      'Creates, grows and alters topics as topics.yaml and the configuration say. Never shrinks or deletes. Ends with 1 ' +
        'where something differs that is not changed without being told so; the rest is done.',
    )
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--allow-state-growth', 'grow also where keys then move away from their state; `plan` says what that costs')
    .option('--json', 'what was done, as one JSON object')
    .action(async (options: TopicsOptions) => {
      const plan = await inEveryRegion(context, options, (admin, catalog) =>
        applyTopics(admin, catalog, planOptions(options), context.tell),
      );
      context.print(options.json ? `${planJson(plan)}\n` : planText(plan));
      context.setExitStatus(plan.refusals.length > 0 ? EXIT_REFUSED : 0);
    });
}

const planOptions = (options: TopicsOptions): TopicPlanOptions => ({
  allowStateGrowth: options.allowStateGrowth === true,
});

/** One plan of what is to be done in every region, each in its own cluster; without regions in the only one. */
async function inEveryRegion(
  context: CliContext,
  options: TopicsOptions,
  work: (admin: TopicAdmin, catalog: readonly TopicSpec[]) => Promise<TopicPlan>,
): Promise<TopicPlan> {
  const plans: TopicPlan[] = [];
  for (const config of configsOf(context, options.config)) {
    plans.push(await withAdmin(config, (admin) => work(admin, catalogOf(config))));
  }
  return {
    creates: plans.flatMap(({ creates }) => creates),
    grows: plans.flatMap(({ grows }) => grows),
    alters: plans.flatMap(({ alters }) => alters),
    refusals: plans.flatMap(({ refusals }) => refusals),
    unknown: plans.flatMap(({ unknown }) => unknown),
  };
}

/** Works with a connected admin client, and closes it. Throws KAFKA_UNAVAILABLE where there is no broker. */
export async function withAdmin<T>(config: Config, work: (admin: TopicAdmin) => Promise<T>): Promise<T> {
  const { brokers, clientId } = config.kafka;
  const admin = (await createKafka({ brokers, clientId: `${clientId}-topics` })).admin();
  try {
    await admin.connect().catch((cause) => {
      throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'no broker answers', brokers }, { cause });
    });
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** One line per difference, in the order in which they are applied. */
export function planText(plan: TopicPlan): string {
  const lines = [
    ...plan.creates.map(({ name, partitions, schema }) => `create  ${name}: ${partitions} partitions of ${schema}`),
    ...plan.grows.map(
      ({ topic, from, to, costs }) => `grow    ${topic}: ${from} → ${to} partitions${costs ? `. ${costs}` : ''}`,
    ),
    ...plan.alters.flatMap(({ topic, changes }) =>
      changes.map(({ name, from, to }) => `alter   ${topic}: ${name} ${from ?? '(unset)'} → ${to}`),
    ),
    ...plan.refusals.map(({ topic, why }) => `refuse  ${topic}: ${why}`),
    ...plan.unknown.map((topic) => `unknown ${topic}: not in topics.yaml; left alone`),
  ];
  return lines.length === 0 ? 'every topic is as it should be\n' : lines.map((line) => `${line}\n`).join('');
}

function planJson(plan: TopicPlan): string {
  const { creates, grows, alters, refusals, unknown } = plan;
  return JSON.stringify({
    creates: creates.map(({ name, partitions, replicationFactor, schema, config }) => ({
      topic: name,
      partitions,
      replicationFactor,
      schema,
      config,
    })),
    grows,
    alters: alters.map(({ topic, changes }) => ({ topic, changes })),
    refusals,
    unknown,
  });
}

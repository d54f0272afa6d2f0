import { type Command, InvalidArgumentError } from 'commander';
import type { WebhookEndpoint, WebhookProgress } from '../../contracts/generated.ts';
import { PostlaneError } from '../../domain/error.ts';
import { identityProblem } from '../../domain/job.ts';
import { HOUR_MS, type Millis } from '../../domain/time.ts';
import {
  ENDPOINTS_MAX,
  newEndpoint,
  openReplays,
  pausedByOwner,
  REPLAYS_MAX,
  resumed,
  SECRET_GRACE_MS,
  withReplay,
  withSecret,
} from '../../domain/webhook-endpoint.ts';
import { isWebhookEvent, WEBHOOK_EVENTS } from '../../domain/webhook-event.ts';
import { shownDeliveries, shownEndpoint } from '../../domain/webhook-view.ts';
import { systemClock } from '../../host/clock.ts';
import { webhookKeyOf } from '../../host/webhook-key.ts';
import { withSecrets } from '../../secrets/open.ts';
import { newEndpointId, newReplayId, newWebhookSecret, sealSecret } from '../../secrets/webhook-secrets.ts';
import { destinationRules, urlProblem } from '../../webhooks/destination.ts';
import { runningConfigOf } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../visible.ts';
import { WebhookTables } from '../webhook-tables.ts';

interface WebhooksOptions {
  readonly config?: string;
  readonly json?: true;
}

interface WrittenOptions extends WebhooksOptions {
  readonly url?: string;
  readonly events?: readonly string[];
  readonly description?: string;
}

const GRACE_HOURS_MAX = 24 * 90;

/** `postlane webhooks …`: whom customers want to be told what became of their mails. */
export function register(program: Command, context: CliContext): void {
  const webhooks = program.command('webhooks').summary('endpoints of customers that are told what becomes of mails');
  create(webhooks, context);
  list(webhooks, context);
  show(webhooks, context);
  update(webhooks, context);
  rotate(webhooks, context);
  change(
    webhooks,
    context,
    'pause',
    'tell an endpoint nothing for now; what happens is delivered later',
    pausedByOwner,
  );
  change(webhooks, context, 'resume', 'tell an endpoint again, whoever paused it; nothing was lost', resumed);
  replay(webhooks, context);
  deliveries(webhooks, context);
  remove(webhooks, context);
}

const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object');

const events = (text: string): readonly string[] => {
  const names = text === 'all' ? [] : text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !isWebhookEvent(name));
  if (unknown.length === 0) return names;
  throw new InvalidArgumentError(`there is no event ${unknown.join(', ')}; there are ${WEBHOOK_EVENTS.join(', ')}`);
};

function create(webhooks: Command, context: CliContext): void {
  common(webhooks.command('create'))
    .summary('make an endpoint')
    .description('Makes an endpoint and prints its id and its secret, which is not shown again.')
    .argument('<url>', 'where events are posted')
    .option('--tenant <name>', 'tenant whose mails it is told of', parseTenant, 'default')
    .option('--events <list>', 'what it is told of, with commas; all: everything', events, [])
    .option('--description <text>', 'what you call it', '')
    .action(async (url: string, options: WrittenOptions & { readonly tenant: string }) => {
      await checkUrl(context, options, url);
      const tables = await WebhookTables.open(context, options.config);
      const { tenant, description = '' } = options;
      if ((await tables.list()).filter((each) => each.tenant === tenant).length >= ENDPOINTS_MAX) {
        throw new PostlaneError('LIMIT_EXCEEDED', { what: `a tenant has at most ${ENDPOINTS_MAX} endpoints` });
      }
      const endpointId = newEndpointId();
      const { secret, sealed } = await sealedSecret(context, options, endpointId);
      const written = { endpointId, tenant, url, description, events: options.events ?? [], sealed };
      const endpoint = newEndpoint(written, Date.now());
      await tables.put(endpointId, endpoint);
      tell(context, options, endpoint, undefined, secret);
    });
}

function list(webhooks: Command, context: CliContext): void {
  common(webhooks.command('list'))
    .summary('show the endpoints and how they do')
    .option('--tenant <name>', 'of this tenant only', parseTenant)
    .action(async (options: WebhooksOptions & { readonly tenant?: string }) => {
      const tables = await WebhookTables.open(context, options.config);
      const progress = await tables.progress();
      const found = (await tables.list()).filter(
        ({ tenant }) => options.tenant === undefined || tenant === options.tenant,
      );
      if (options.json) {
        const webhooksShown = found.map((each) => facts(each, progress.get(each.endpointId)));
        context.print(`${JSON.stringify({ webhooks: webhooksShown })}\n`);
        return;
      }
      const lines = found.map((each) => `${line(each, progress.get(each.endpointId))}\n`);
      context.print(lines.length === 0 ? 'there are no endpoints\n' : lines.join(''));
    });
}

function show(webhooks: Command, context: CliContext): void {
  common(webhooks.command('show'))
    .summary('show an endpoint')
    .argument('<id>', 'we_…')
    .action(async (id: string, options: WebhooksOptions) => {
      const tables = await WebhookTables.open(context, options.config);
      const endpoint = await tables.find(id);
      const shown = facts(endpoint, (await tables.progress()).get(id));
      context.print(`${JSON.stringify(shown, null, options.json ? undefined : 2)}\n`);
    });
}

function update(webhooks: Command, context: CliContext): void {
  common(webhooks.command('update'))
    .summary('change where an endpoint lies, or what it is told')
    .argument('<id>', 'we_…')
    .option('--url <url>', 'where events are posted')
    .option('--events <list>', 'what it is told of, with commas; all: everything', events)
    .option('--description <text>', 'what you call it')
    .action(async (id: string, options: WrittenOptions) => {
      if (options.url !== undefined) await checkUrl(context, options, options.url);
      await changed(context, id, options, async (endpoint) => ({
        ...endpoint,
        url: options.url ?? endpoint.url,
        events: [...(options.events ?? endpoint.events)],
        description: options.description ?? endpoint.description,
      }));
    });
}

function rotate(webhooks: Command, context: CliContext): void {
  common(webhooks.command('rotate'))
    .summary('give an endpoint a new secret')
    .description(
      'Gives an endpoint a new secret and prints it, this once. The old one goes on signing beside it for a while.',
    )
    .argument('<id>', 'we_…')
    .option('--grace <hours>', 'how long the old secret goes on signing', parseGrace, SECRET_GRACE_MS / HOUR_MS)
    .action(async (id: string, options: WebhooksOptions & { readonly grace: number }) => {
      const { secret, sealed } = await sealedSecret(context, options, id);
      const now = Date.now();
      const until = now + options.grace * HOUR_MS;
      await changed(context, id, options, async (endpoint) => withSecret(endpoint, sealed, until, now), secret);
    });
}

function change(
  webhooks: Command,
  context: CliContext,
  name: string,
  summary: string,
  how: (endpoint: WebhookEndpoint) => WebhookEndpoint,
): void {
  common(webhooks.command(name))
    .summary(summary)
    .argument('<id>', 'we_…')
    .action((id: string, options: WebhooksOptions) => changed(context, id, options, async (endpoint) => how(endpoint)));
}

function replay(webhooks: Command, context: CliContext): void {
  common(webhooks.command('replay'))
    .summary('deliver what was recorded in a range of time once more')
    .description('Delivers once more what was recorded in a range of time. Events keep their ids.')
    .argument('<id>', 'we_…')
    .requiredOption('--since <time>', 'beginning of the range, as 2027-01-15T08:00:00Z', parseMoment)
    .option('--until <time>', 'its end (default: now)', parseMoment)
    .action(async (id: string, options: WebhooksOptions & { readonly since: Millis; readonly until?: Millis }) => {
      const now = Date.now();
      const until = Math.min(options.until ?? now, now);
      if (options.since >= until)
        throw new PostlaneError('CONFIG_INVALID', { what: '--since must lie before --until' });
      await changed(context, id, options, async (endpoint, tables) => {
        if (openReplays(endpoint, (await tables.progress()).get(id)) >= REPLAYS_MAX) {
          throw new PostlaneError('LIMIT_EXCEEDED', { what: `${REPLAYS_MAX} replays are under way` });
        }
        return withReplay(endpoint, { replayId: newReplayId(), since: options.since, until }, now);
      });
    });
}

function deliveries(webhooks: Command, context: CliContext): void {
  common(webhooks.command('deliveries'))
    .summary('show the last attempts to tell an endpoint')
    .argument('<id>', 'we_…')
    .action(async (id: string, options: WebhooksOptions) => {
      const tables = await WebhookTables.open(context, options.config);
      await tables.find(id);
      const { attempts, waiting, nextRetryAt } = shownDeliveries((await tables.progress()).get(id));
      if (options.json) {
        context.print(`${JSON.stringify({ attempts, waiting, nextRetryAt })}\n`);
        return;
      }
      for (const { at, event, emailId, attempt, taken, status, failure, durationMs } of attempts) {
        const how = taken ? `taken (${status})` : [failure, status].filter((part) => part !== null).join(' ');
        context.print(`${visible(`${at}  ${event}  ${emailId}  attempt ${attempt}  ${how}  ${durationMs} ms`)}\n`);
      }
      const next = nextRetryAt === null ? '' : `, the next at ${nextRetryAt}`;
      context.tell(`${waiting} events wait to be tried again${next}`);
    });
}

function remove(webhooks: Command, context: CliContext): void {
  common(webhooks.command('delete'))
    .summary('never tell an endpoint again')
    .argument('<id>', 'we_…')
    .action(async (id: string, options: WebhooksOptions) => {
      const tables = await WebhookTables.open(context, options.config);
      await tables.find(id);
      await tables.put(id, null);
      if (options.json) context.print(`${JSON.stringify({ id, deleted: true })}\n`);
      else context.tell(`deleted: ${id}`);
    });
}

async function changed(
  context: CliContext,
  id: string,
  options: WebhooksOptions,
  how: (endpoint: WebhookEndpoint, tables: WebhookTables) => Promise<WebhookEndpoint>,
  secret?: string,
): Promise<void> {
  const tables = await WebhookTables.open(context, options.config);
  const endpoint = await how(await tables.find(id), tables);
  await tables.put(id, endpoint);
  tell(context, options, endpoint, (await tables.progress()).get(id), secret);
}

/** The secret is on standard output, and nowhere else. */
function tell(
  context: CliContext,
  { json }: WebhooksOptions,
  endpoint: WebhookEndpoint,
  progress: WebhookProgress | undefined,
  secret?: string,
): void {
  if (json) {
    context.print(`${JSON.stringify({ ...facts(endpoint, progress), ...(secret !== undefined && { secret }) })}\n`);
    return;
  }
  context.print(`${line(endpoint, progress)}\n`);
  if (secret !== undefined) {
    context.print(`${secret}\n`);
    context.tell('keep the secret: it is not shown again');
  }
}

const facts = (endpoint: WebhookEndpoint, progress: WebhookProgress | undefined) => ({
  tenant: endpoint.tenant,
  ...shownEndpoint(endpoint, progress, Date.now()),
});

function line(endpoint: WebhookEndpoint, progress: WebhookProgress | undefined): string {
  const { id, url, state, pause, events: told, delivered, waiting, description } = facts(endpoint, progress);
  const parts = [
    id,
    `tenant ${endpoint.tenant}`,
    pause === null ? state : `${state} (${pause.reason})`,
    `${delivered} delivered`,
    waiting > 0 ? `${waiting} waiting` : null,
    url,
    told.length === 0 ? 'all events' : told.join(','),
    description,
  ];
  return visible(parts.filter((part) => part !== null && part !== '').join('  '));
}

async function checkUrl(context: CliContext, { config }: WebhooksOptions, url: string): Promise<void> {
  const { notifier } = await runningConfigOf(context, config);
  const what = urlProblem(url, destinationRules(notifier));
  if (what !== null) throw new PostlaneError('CONFIG_INVALID', { what: `the URL ${what}` });
}

async function sealedSecret(context: CliContext, options: WebhooksOptions, endpointId: string) {
  const config = await runningConfigOf(context, options.config);
  if (config.notifier.key === null) {
    throw new PostlaneError('CONFIG_INVALID', { what: 'notifier.key is not set: nothing can be signed' });
  }
  const secret = newWebhookSecret();
  const keyText = await withSecrets(config, systemClock, (secrets) => webhookKeyOf({ config, secrets })());
  return { secret, sealed: sealSecret(secret, endpointId, keyText) };
}

function parseTenant(text: string): string {
  if (identityProblem({ id: 'any', tenant: text })) throw new InvalidArgumentError('1 to 128 characters are expected');
  return text;
}

function parseGrace(text: string): number {
  const hours = Number(text);
  if (hours >= 0 && hours <= GRACE_HOURS_MAX) return hours;
  throw new InvalidArgumentError(`a number of hours from 0 to ${GRACE_HOURS_MAX} is expected`);
}

function parseMoment(text: string): Millis {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError('a time such as 2027-01-15T08:00:00Z is expected');
}

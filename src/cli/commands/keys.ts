import { type Command, InvalidArgumentError } from 'commander';
import type { ApiKey } from '../../contracts/generated.ts';
import { API_SCOPES, type ApiScope, isApiScope, rotated } from '../../domain/api-key.ts';
import { identityProblem } from '../../domain/job.ts';
import { HOUR_MS } from '../../domain/time.ts';
import { newKeyId, newSecret } from '../../secrets/api-keys.ts';
import { ApiKeyTable } from '../api-key-table.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../visible.ts';

interface KeysOptions {
  readonly config?: string;
  readonly json?: true;
}

interface CreateOptions extends KeysOptions {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly ApiScope[];
  readonly rate?: number;
  readonly quota?: number;
}

/** What a key may do unless told otherwise: everything but the list of the whole installation. */
const SCOPES_DEFAULT = API_SCOPES.filter((scope) => scope !== 'suppressions:all');
const GRACE_HOURS = 24;
const GRACE_HOURS_MAX = 24 * 90;
const COUNT_MAX = 2 ** 31 - 1;

/** `postlane keys create|list|rotate|revoke`: who may use the HTTP API and SMTP submission. */
export function register(program: Command, context: CliContext): void {
  const keys = program
    .command('keys')
    .summary('make, list, rotate and revoke keys of the HTTP API and of SMTP submission');
  create(keys, context);
  list(keys, context);
  rotate(keys, context);
  revoke(keys, context);
}

const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object');

function create(keys: Command, context: CliContext): void {
  common(keys.command('create'))
    .summary('make a key')
    .description(
      'Makes a key and prints it, this once: only its hash is kept. Whoever holds it acts for the tenant. Standard output ' +
        'has the key and nothing else.',
    )
    .argument('[name]', 'what you call it', '')
    .option('--tenant <name>', 'tenant that it stands for', parseTenant, 'default')
    .option('--scopes <list>', `what it may do: ${API_SCOPES.join(', ')}`, parseScopes, SCOPES_DEFAULT)
    .option('--rate <requests>', 'requests per second at most', parseCount)
    .option('--quota <mails>', 'mails per day at most', parseCount)
    .action(async (name: string, options: CreateOptions) => {
      const table = await ApiKeyTable.open(context, options.config);
      const { secret, hash } = newSecret();
      const key: ApiKey = {
        keyId: newKeyId(),
        tenant: options.tenant,
        name,
        scopes: [...options.scopes],
        secrets: [{ hash, until: null }],
        requestsPerSecond: options.rate ?? null,
        mailsPerDay: options.quota ?? null,
        revoked: false,
        at: Date.now(),
      };
      await table.put(key);
      show(context, key, secret, options.json === true);
    });
}

function list(keys: Command, context: CliContext): void {
  common(keys.command('list'))
    .summary('show the keys, without their secrets')
    .option('--all', 'revoked ones too')
    .action(async (options: KeysOptions & { readonly all?: true }) => {
      const table = await ApiKeyTable.open(context, options.config);
      const found = (await table.list()).filter(({ revoked }) => options.all || !revoked);
      if (options.json) context.print(`${JSON.stringify({ keys: found.map(shown) })}\n`);
      else context.print(found.length === 0 ? 'there are no keys\n' : found.map((key) => `${line(key)}\n`).join(''));
    });
}

function rotate(keys: Command, context: CliContext): void {
  common(keys.command('rotate'))
    .summary('give a key a new secret')
    .description('Gives a key a new secret and prints it, this once. The old one stays valid for a while.')
    .argument('<key-id>', 'the part before the secret: pl_…')
    .option('--grace <hours>', 'how long the old secret stays valid', parseGrace, GRACE_HOURS)
    .action(async (keyId: string, options: KeysOptions & { readonly grace: number }) => {
      const table = await ApiKeyTable.open(context, options.config);
      const { secret, hash } = newSecret();
      const now = Date.now();
      const key = rotated(await table.find(keyId), hash, now + options.grace * HOUR_MS, now);
      await table.put(key);
      show(context, key, secret, options.json === true);
    });
}

function revoke(keys: Command, context: CliContext): void {
  common(keys.command('revoke'))
    .summary('make a key invalid at once')
    .description('Makes a key invalid. It is refused everywhere within a second.')
    .argument('<key-id>', 'the part before the secret: pl_…')
    .action(async (keyId: string, options: KeysOptions) => {
      const table = await ApiKeyTable.open(context, options.config);
      const key: ApiKey = { ...(await table.find(keyId)), revoked: true };
      await table.put(key);
      if (options.json) context.print(`${JSON.stringify(shown(key))}\n`);
      else context.tell(`revoked: ${keyId}`);
    });
}

/** The secret is in the output and nowhere else. */
function show(context: CliContext, key: ApiKey, secret: string, json: boolean): void {
  const whole = `${key.keyId}_${secret}`;
  if (json) context.print(`${JSON.stringify({ key: whole, ...shown(key) })}\n`);
  else {
    context.print(`${whole}\n`);
    context.tell(`${line(key)}\nkeep it: it is not shown again`);
  }
}

/** A key as it may be shown. */
const shown = ({ secrets, at, ...key }: ApiKey) => ({
  ...key,
  secrets: secrets.map(({ until }) => ({ until })),
  createdAt: new Date(at).toISOString(),
});

function line(key: ApiKey): string {
  const limits = [
    key.requestsPerSecond === null ? null : `${key.requestsPerSecond}/s`,
    key.mailsPerDay === null ? null : `${key.mailsPerDay} mails/day`,
    key.secrets.length > 1 ? 'rotating' : null,
    key.revoked ? 'revoked' : null,
  ].filter((part) => part !== null);
  const facts = [key.keyId, `tenant ${key.tenant}`, key.scopes.join(','), ...limits, key.name];
  return visible(facts.filter((part) => part !== '').join('  '));
}

function parseScopes(text: string): readonly ApiScope[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !isApiScope(name));
  if (unknown.length > 0) throw new InvalidArgumentError(`there is no scope ${unknown.join(', ')}`);
  return names as ApiScope[];
}

function parseTenant(text: string): string {
  if (identityProblem({ id: 'any', tenant: text })) throw new InvalidArgumentError('1 to 128 characters are expected');
  return text;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= COUNT_MAX) return count;
  throw new InvalidArgumentError('a whole number from 1 on is expected');
}

function parseGrace(text: string): number {
  const hours = Number(text);
  if (hours >= 0 && hours <= GRACE_HOURS_MAX) return hours;
  throw new InvalidArgumentError(`a number of hours from 0 to ${GRACE_HOURS_MAX} is expected`);
}

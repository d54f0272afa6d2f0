import { existsSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { CONFIG_FILE } from '../../config/locate.ts';
import { PRESET_NAMES, type PresetName } from '../../config/presets.ts';
import { PostlaneError } from '../../domain/error.ts';
import type { CliContext } from '../context.ts';
import { type Answers, initialConfig, presetFor } from '../initial-config.ts';

interface InitOptions {
  readonly preset?: PresetName;
  readonly mailsPerDay?: number;
  readonly regions?: number;
  readonly domain?: string;
  readonly relay?: Answers['relay'];
  readonly out: string;
  readonly force?: true;
}

/** `postlane init`: three questions, and a configuration. */
export function register(program: Command, context: CliContext): void {
  program
    .command('init')
    .summary('write a configuration for what you send')
    .description(
      'Asks how much you send, in how many regions and from which domain, and writes a configuration by the preset that fits. What is ' +
        'given as an option is not asked; with --preset (or --mails-per-day) and --domain nothing is.',
    )
    .addOption(new Option('--preset <name>', 'instead of the first two questions').choices(PRESET_NAMES))
    .option('--mails-per-day <number>', 'the most that you send on one day', parseNumber)
    .option('--regions <number>', 'regions of the world with workers and addresses of their own', parseNumber)
    .option('--domain <name>', 'domain that the mail comes from', parseDomain)
    .option('--relay <host:port>', 'SMTP relay of your provider (default: RELAY_HOST, RELAY_PORT)', parseRelay)
    .option('--out <file>', 'where to write it', CONFIG_FILE)
    .option('--force', 'replace the file that is there')
    .action((options: InitOptions) => init(context, options));
}

async function init(context: CliContext, options: InitOptions): Promise<void> {
  const path = resolve(context.workingDirectory, options.out);
  const shownPath = relative(context.workingDirectory, path) || path;
  if (existsSync(path) && !options.force) {
    throw new PostlaneError('CONFIG_INVALID', {
      what: `${shownPath} is there already: --force replaces it, --out writes another`,
    });
  }
  const answers = { ...(await answersOf(context, options)), relay: options.relay ?? null };
  const text = initialConfig(answers);
  // Wrong here, it would be wrong in every role.
  loadConfig({ text, path: shownPath, env: context.environment });
  writeFileSync(path, text);
  context.print(`${shownPath}: preset ${answers.preset}, mail from ${answers.domain}\n`);
  context.tell('next:');
  context.tell('  npx postlane config show --explain   every setting with its reason');
  context.tell('  npx postlane secrets check           are the secrets there?');
  context.tell('  npm start                            tries it on this machine');
}

async function answersOf(context: CliContext, options: InitOptions): Promise<Pick<Answers, 'preset' | 'domain'>> {
  const asked = asker(context);
  const preset = options.preset ?? (await fittingPreset(options, asked));
  const domain = options.domain ?? (await asked('From which domain does the mail come?', 'shop.example', parseDomain));
  return { preset, domain };
}

/** Whoever gives one of the two numbers is not asked for the other. */
async function fittingPreset({ mailsPerDay, regions }: InitOptions, asked: Asked): Promise<PresetName> {
  if (mailsPerDay !== undefined || regions !== undefined) return presetFor(mailsPerDay ?? 1, regions ?? 1);
  const volume = await asked('How many mails do you send on one day, at most?', '10000', parseNumber);
  return presetFor(volume, await asked('In how many regions do you need workers and addresses?', '1', parseNumber));
}

type Asked = <T>(question: string, suggestion: string, parse: (text: string) => T) => Promise<T>;

const TRIES_MAX = 3;

/** Asks until the answer makes sense; an empty one is the suggestion. Throws where nobody is there to answer. */
function asker({ ask, tell }: CliContext): Asked {
  return async (question, suggestion, parse) => {
    if (ask === undefined) {
      const what = 'nobody is there to answer: --preset (or --mails-per-day) and --domain say it all';
      throw new PostlaneError('CONFIG_INVALID', { what });
    }
    for (let left = TRIES_MAX; ; left--) {
      const answer = (await ask(`${question} [${suggestion}] `)).trim();
      try {
        return parse(answer === '' ? suggestion : answer);
      } catch (error) {
        if (!(error instanceof InvalidArgumentError) || left === 1) throw error;
        tell(error.message);
      }
    }
  };
}

function parseNumber(text: string): number {
  const number = Number(text.replaceAll(/[ _,.](?=\d{3})/g, ''));
  if (Number.isInteger(number) && number >= 1 && number <= 1e12) return number;
  throw new InvalidArgumentError('a whole number is expected, such as 20000');
}

const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/;

function parseDomain(text: string): string {
  const domain = text.toLowerCase();
  if (DOMAIN.test(domain)) return domain;
  throw new InvalidArgumentError('a domain is expected, such as shop.example (IDN as A-labels)');
}

const SUBMISSION_PORT = 587;

function parseRelay(text: string): { readonly host: string; readonly port: number } {
  const [, host, port = String(SUBMISSION_PORT)] = /^([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return { host, port: Number(port) };
  throw new InvalidArgumentError('host or host:port is expected');
}

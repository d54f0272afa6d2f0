import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { NameValue, Template } from '../../contracts/generated.ts';
import { addressOf, type NamedMailbox } from '../../domain/address.ts';
import { PostlaneError } from '../../domain/error.ts';
import { identityProblem } from '../../domain/job.ts';
import { isTemplateId } from '../../domain/template.ts';
import { sampleLinksOf } from '../../host/own-links.ts';
import { compileTemplate, joinPieces, ownValuesOf, type RenderedMail, renderTemplate } from '../../templates/index.ts';
import { configOf } from '../catalog.ts';
import type { CliContext } from '../context.ts';
import { withTemplates } from '../open-templates.ts';
import { type ContentOptions, pairsOf, readContent, readObject } from '../template-content.ts';
import { visible } from '../visible.ts';

interface CommonOptions {
  readonly config?: string;
  readonly tenant: string;
  readonly json?: true;
}

const RECIPIENT_SHOWN = 'recipient@example.com';
const VERSION_MAX = 2 ** 31 - 1;

/** `postlane templates put|list|show|render|delete`: what campaigns say, put once and sent to many. */
export function register(program: Command, context: CliContext): void {
  const templates = program.command('templates').summary('put, list, show, try out and delete templates');
  put(templates, context);
  list(templates, context);
  show(templates, context);
  render(templates, context);
  remove(templates, context);
}

const common = (command: Command): Command =>
  command
    .option('--tenant <name>', 'tenant whose template it is', parseTenant, 'default')
    .option('--config <file>', 'configuration file (default: POSTLANE_CONFIG, then ./postlane.yaml)')
    .option('--json', 'as one JSON object');

function put(templates: Command, context: CliContext): void {
  common(templates.command('put'))
    .summary('put a template, or a new version of it')
    .description(
      'Reads a template and refuses what could not be rendered safely; docs/templates.md says what may stand in it. What ' +
        'says the same as the newest version makes no new one, so a script may put it every time. Prints the version.',
    )
    .argument('<id>', 'name of the template', parseId)
    .option('--content <file>', 'JSON file with the fields of a template; the other options come before it')
    .option('--from <mailbox>', 'From header; placeholders in the display name only')
    .option('--reply-to <mailbox>', 'Reply-To header')
    .option('--subject <text>', 'Subject header')
    .option('--html <file>', 'file of the text/html part')
    .option('--text <file>', 'file of the text/plain part (default: derived from the HTML)')
    .option('--unsubscribe-link <uri>', 'URI for List-Unsubscribe and {{ unsubscribe_url }}')
    .option('--one-click', 'the link takes the POST of RFC 8058')
    .option('--header <name:value>', 'further header field; may be repeated', parseHeader, [])
    .option('--who <name>', 'who puts it, kept with the version', userInfo().username)
    .action(async (id: string, options: CommonOptions & ContentOptions & { readonly who: string }) => {
      const content = readContent(context.workingDirectory, options);
      await withTemplates(context, options.config, async (table) => {
        const result = await table.put(options.tenant, id, content, options.who);
        if (result.kind === 'full') throw new PostlaneError('LIMIT_EXCEEDED', { what: result.detail });
        if (result.kind === 'refused') {
          const { field, problem, detail } = result.fault;
          throw new PostlaneError('CONFIG_INVALID', { what: `${field}: ${detail} (${problem})` });
        }
        const { version } = result.row;
        const changed = result.kind === 'put';
        if (options.json) context.print(`${JSON.stringify({ id, version, changed })}\n`);
        else {
          context.print(`${version}\n`);
          context.tell(changed ? `put: ${id} version ${version}` : `unchanged: ${id} is at version ${version}`);
        }
      });
    });
}

function list(templates: Command, context: CliContext): void {
  common(templates.command('list'))
    .summary('show which templates there are')
    .action((options: CommonOptions) =>
      withTemplates(context, options.config, async (table) => {
        const rows = table.list(options.tenant);
        if (options.json) context.print(`${JSON.stringify({ templates: rows.map(about) })}\n`);
        else
          context.print(rows.length === 0 ? 'there are no templates\n' : rows.map((row) => `${line(row)}\n`).join(''));
      }),
    );
}

function show(templates: Command, context: CliContext): void {
  common(templates.command('show'))
    .summary('show what a template says, and which versions there are')
    .argument('<id>', 'name of the template', parseId)
    .option('--template-version <number>', 'which one (default: the newest)', parseVersion)
    .action((id: string, options: CommonOptions & { readonly templateVersion?: number }) =>
      withTemplates(context, options.config, async (table) => {
        const row = found(table.row(options.tenant, id, options.templateVersion ?? null), id, options.templateVersion);
        const versions = table.versions(options.tenant, id).map(({ version }) => version);
        const compiled = compileTemplate(row);
        const variables = compiled.ok ? compiled.template.variables : [];
        const { from, replyTo, html, text, unsubscribeLink, oneClick, headers } = row;
        const whole = {
          ...about(row),
          versions,
          variables,
          from,
          replyTo,
          unsubscribeLink,
          oneClick,
          headers,
          html,
          text,
        };
        if (options.json) context.print(`${JSON.stringify(whole)}\n`);
        else context.print(`${described(whole).join('\n')}\n`);
      }),
    );
}

interface RenderOptions extends CommonOptions {
  readonly templateVersion?: number;
  readonly data?: string;
  readonly set: readonly NameValue[];
  readonly recipient: string;
}

function render(templates: Command, context: CliContext): void {
  common(templates.command('render'))
    .summary('show what a mail of a template would say')
    .description(
      'Fills a template with sample data, as for sending; nothing is sent. A variable that is missing is an error.',
    )
    .argument('<id>', 'name of the template', parseId)
    .option('--template-version <number>', 'which one (default: the newest)', parseVersion)
    .option('--data <file>', 'JSON file with the merge data')
    .option('--set <name=value>', 'one value; may be repeated', parsePair, [])
    .option('--recipient <address>', 'whom it would go to', RECIPIENT_SHOWN)
    .action((id: string, options: RenderOptions) =>
      withTemplates(context, options.config, async (table) => {
        const { tenant, data, recipient } = options;
        const row = found(table.row(tenant, id, options.templateVersion ?? null), id, options.templateVersion);
        const given = data === undefined ? [] : pairsOf(readObject(context.workingDirectory, data), data);
        const mergeData = [...given, ...options.set];
        const compiled = compileTemplate(row);
        if (!compiled.ok) throw new PostlaneError('CONFIG_INVALID', { what: compiled.fault.detail });
        const job = {
          id: 'sample',
          tenant,
          type: 'marketing',
          recipient,
          templateId: id,
          templateVersion: row.version,
          mergeData,
        } as const;
        const result = renderTemplate(
          compiled.template,
          mergeData,
          ownValuesOf(job, sampleLinksOf(configOf(context, options.config))),
        );
        if (!result.ok) {
          const { field, problem, detail } = result.fault;
          throw new PostlaneError('CONFIG_INVALID', { what: `${field}: ${detail} (${problem})` });
        }
        context.print(options.json ? `${JSON.stringify(asJson(result.mail))}\n` : asText(result.mail));
      }),
    );
}

function remove(templates: Command, context: CliContext): void {
  common(templates.command('delete'))
    .summary('delete a template')
    .description('No mail is accepted for it any more. Mails that were accepted before are still made of it.')
    .argument('<id>', 'name of the template', parseId)
    .option('--purge', 'erase what its versions say as well: mails that still wait for them become dead letters')
    .action((id: string, options: CommonOptions & { readonly purge?: true }) =>
      withTemplates(context, options.config, async (table) => {
        const isDeleted = await table.delete(options.tenant, id, userInfo().username, options.purge === true);
        if (!isDeleted) found(undefined, id);
        if (options.json) context.print(`${JSON.stringify({ id, deleted: true })}\n`);
        else context.tell(`deleted: ${id}`);
      }),
    );
}

function found(row: Template | undefined, id: string, version?: number): Template {
  if (row !== undefined) return row;
  const what = version === undefined ? `there is no template ${id}` : `template ${id} has no version ${version}`;
  throw new PostlaneError('CONFIG_INVALID', { what });
}

const about = ({ templateId, version, at, who, subject }: Template) => ({
  id: templateId,
  version,
  at: new Date(at).toISOString(),
  who,
  subject,
});

const line = (row: Template): string =>
  visible([row.templateId, `version ${row.version}`, new Date(row.at).toISOString(), row.who, row.subject].join('  '));

const described = (whole: object): readonly string[] =>
  Object.entries(whole)
    .filter(([, value]) => value !== null && value !== '')
    .flatMap(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return [text.includes('\n') || text.length > 100 ? `${name}:\n${text}` : `${name}: ${text}`];
    });

const named = ({ name, mailbox }: NamedMailbox): string =>
  name === '' ? addressOf(mailbox) : `${name} <${addressOf(mailbox)}>`;

const asJson = ({ from, replyTo, html, text, ...rest }: RenderedMail) => ({
  ...rest,
  from: named(from),
  replyTo: replyTo && named(replyTo),
  html: html && joinPieces(html),
  text: joinPieces(text),
});

function asText(mail: RenderedMail): string {
  const { from, replyTo, subject, unsubscribeLink, headers, html, text } = asJson(mail);
  const head = [
    `From: ${from}`,
    ...(replyTo === null ? [] : [`Reply-To: ${replyTo}`]),
    `Subject: ${subject}`,
    ...(unsubscribeLink === null ? [] : [`List-Unsubscribe: <${unsubscribeLink}>`]),
    ...headers.map(({ name, value }) => `${name}: ${value}`),
  ];
  const parts = [text, ...(html === null ? [] : [html])];
  return `${head.map(visible).join('\n')}\n\n${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;
}

function parseId(text: string): string {
  if (isTemplateId(text)) return text;
  throw new InvalidArgumentError('1 to 128 letters, digits, and . _ / - are expected');
}

function parseTenant(text: string): string {
  if (identityProblem({ id: 'any', tenant: text })) throw new InvalidArgumentError('1 to 128 characters are expected');
  return text;
}

function parseVersion(text: string): number {
  const version = Number(text);
  if (Number.isInteger(version) && version >= 1 && version <= VERSION_MAX) return version;
  throw new InvalidArgumentError('a whole number from 1 on is expected');
}

function parsed(text: string, separator: string, before: readonly NameValue[]): readonly NameValue[] {
  const at = text.indexOf(separator);
  if (at < 1) throw new InvalidArgumentError(`name${separator}value is expected`);
  return [...before, { name: text.slice(0, at).trim(), value: text.slice(at + 1) }];
}

const parsePair = (text: string, before: readonly NameValue[]): readonly NameValue[] => parsed(text, '=', before);

const parseHeader = (text: string, before: readonly NameValue[]): readonly NameValue[] =>
  parsed(text, ':', before).map(({ name, value }) => ({ name, value: value.trim() }));

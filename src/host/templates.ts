import type { Template } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { isPostlaneError, PostlaneError } from '../domain/error.ts';
import { type TemplateContent, type TemplateFault, templateKey } from '../domain/template.ts';
import { SECOND_MS } from '../domain/time.ts';
import { Publisher } from '../kafka/publisher.ts';
import { ViewFollower } from '../kafka/view-follower.ts';
import type { LogRecord, Stoppable, Telemetry } from '../runtime/ports.ts';
import { compileTemplate } from '../templates/compile.ts';
import type { FindTemplate, FoundTemplate } from '../templates/judge.ts';
import type { Host } from './host.ts';
import { newIds } from './new-ids.ts';
import { TemplateTable } from './template-table.ts';

/** Reads templates: a local view. */
export interface TemplateReader {
  readonly find: FindTemplate;
  /** Everything that was written longer ago than this is known. */
  stalenessMs(): number;
}

export type PutResult =
  | { readonly kind: 'put'; readonly row: Template }
  /** The newest version says the same already. */
  | { readonly kind: 'unchanged'; readonly row: Template }
  | { readonly kind: 'refused'; readonly fault: TemplateFault }
  /** The tenant has as many templates, or the template as many versions, as there may be. */
  | { readonly kind: 'full'; readonly detail: string };

/** Templates kept ready, by the characters of their sources. */
const COMPILED_LENGTH_MAX = 32 * 1_024 * 1_024;
/** Every view holds all of them in memory. */
export const TEMPLATES_MAX = 1_000;
export const VERSIONS_MAX = 1_000;
const APPEND_MS_MAX = 10 * SECOND_MS;
const CATCH_UP_MS_MAX = 2 * SECOND_MS;
/** Puts of one template at the same time, elsewhere, that this one gives way to. */
const TRIES_MAX = 10;

export interface TemplatesOptions {
  /** Header names that a template may set. */
  readonly headerNames: ReadonlySet<string>;
  /** An append, and reading back what it wrote, are each given up after so long. Default 10 s. */
  readonly appendMsMax?: number;
}

/** Templates compiled once, the ones that were used last. */
class CompiledTemplates {
  private readonly made = new Map<Template, FoundTemplate>();
  private length = 0;
  private readonly headerNames: ReadonlySet<string>;

  constructor(headerNames: ReadonlySet<string>) {
    this.headerNames = headerNames;
  }

  of(row: Template): FoundTemplate {
    const known = this.made.get(row);
    if (known) {
      // Used last, forgotten last.
      this.made.delete(row);
      this.made.set(row, known);
      return known;
    }
    const result = compileTemplate(row, this.headerNames);
    const found: FoundTemplate = result.ok
      ? { kind: 'found', version: row.version, template: result.template }
      : { kind: 'broken', fault: result.fault };
    this.made.set(row, found);
    this.length += lengthOf(found);
    for (const [oldest, its] of this.made) {
      if (this.length <= COMPILED_LENGTH_MAX || oldest === row) break;
      this.made.delete(oldest);
      this.length -= lengthOf(its);
    }
    return found;
  }
}

const lengthOf = (found: FoundTemplate): number => (found.kind === 'found' ? found.template.length : 0) + 1_000;

/** What templates need of a process. */
export interface TemplatesHost extends Pick<Host, 'kafka' | 'codec' | 'clock'> {
  readonly telemetry: Pick<Telemetry, 'log' | 'count'>;
}

/**
 * The table of templates: a view of all of them, and the ways to change it. Puts are appended, read back, and given up for
 * the next version where another one was first; so every version has one content, whoever put it where.
 */
export class Templates implements TemplateReader, Stoppable {
  private readonly host: TemplatesHost;
  private readonly table: TemplateTable;
  private readonly follower: ViewFollower;
  private readonly compiled: CompiledTemplates;
  private readonly headerNames: ReadonlySet<string>;
  private readonly newId = newIds();
  private publisher: Publisher | null = null;

  private readonly appendMsMax: number;

  private constructor(host: TemplatesHost, { headerNames, appendMsMax = APPEND_MS_MAX }: TemplatesOptions) {
    this.appendMsMax = appendMsMax;
    this.host = host;
    this.table = new TemplateTable(host.codec, host.telemetry);
    const { kafka, clock, telemetry } = host;
    this.follower = new ViewFollower({ kafka, topic: topics.templates.name, store: this.table, clock, telemetry });
    this.headerNames = headerNames;
    this.compiled = new CompiledTemplates(headerNames);
  }

  /** Opens the view and waits until it has caught up. */
  static async open(host: TemplatesHost, options: TemplatesOptions): Promise<Templates> {
    const templates = new Templates(host, options);
    await templates.follower.start();
    return templates;
  }

  readonly find: FindTemplate = (tenant, templateId, version) => {
    const row = this.table.get(tenant, templateId, version);
    if (row === undefined) return { kind: 'unknown' };
    if (!row.deleted) return this.compiled.of(row);
    // A number that stands for a deletion names no content.
    if (version !== null) return { kind: 'unknown' };
    const contents = this.table.versions(tenant, templateId).filter(({ deleted }) => !deleted);
    return { kind: 'deleted', last: contents.at(-1)?.version ?? null };
  };

  stalenessMs(): number {
    return this.follower.stalenessMs();
  }

  /** Settles when everything is known that was put before the call; false where that takes longer than two seconds. */
  caughtUp(): Promise<boolean> {
    return this.follower.current(CATCH_UP_MS_MAX);
  }

  /** The row of a version, the newest where it is null; undefined where there is none, or it was deleted. */
  row(tenant: string, templateId: string, version: number | null): Template | undefined {
    const row = this.table.get(tenant, templateId, version);
    return row?.deleted ? undefined : row;
  }

  /** The newest version of every template of the tenant that is not deleted, by id. */
  list(tenant: string): readonly Template[] {
    return this.table.newest(tenant).filter(({ deleted }) => !deleted);
  }

  /** Every version that has a content, newest first; none where the template is deleted. */
  versions(tenant: string, templateId: string): readonly Template[] {
    const all = this.table.versions(tenant, templateId);
    return all.at(-1)?.deleted ? [] : all.filter(({ deleted }) => !deleted).reverse();
  }

  /**
   * Puts a new version, or answers that the newest one says the same. Settles when every in-sync replica has it and this
   * view has read it. Throws KAFKA_UNAVAILABLE where that cannot be said in time; a repetition is safe.
   */
  async put(tenant: string, templateId: string, content: TemplateContent, who: string): Promise<PutResult> {
    const judged = compileTemplate(content, this.headerNames);
    if (!judged.ok) return { kind: 'refused', fault: judged.fault };
    const newest = this.row(tenant, templateId, null);
    if (newest !== undefined && isSame(newest, content)) return { kind: 'unchanged', row: newest };
    if (newest === undefined && this.list(tenant).length >= TEMPLATES_MAX) {
      return { kind: 'full', detail: `a tenant may have ${TEMPLATES_MAX} templates` };
    }
    if (this.table.versions(tenant, templateId).length >= VERSIONS_MAX) {
      return { kind: 'full', detail: `a template may have ${VERSIONS_MAX} versions` };
    }
    const row = { tenant, templateId, deleted: false, who, ...contentOf(content) };
    const fault = this.sizeFault(row);
    if (fault !== null) return { kind: 'refused', fault };
    return { kind: 'put', row: await this.append(row) };
  }

  /**
   * Deletes a template: no more mail is accepted for it, and mails that were accepted are still made of their versions.
   * False where there is none. With `purge` its contents are erased as well: mails that still wait for them end as dead
   * letters. Settles when this view has read it.
   */
  async delete(tenant: string, templateId: string, who: string, purge = false): Promise<boolean> {
    const rows = this.table.versions(tenant, templateId);
    const isThere = rows.length > 0 && !rows.at(-1)?.deleted;
    if (isThere) await this.append({ tenant, templateId, deleted: true, who, ...EMPTY });
    if (!purge) return isThere;
    const contents = rows.filter(({ deleted }) => !deleted);
    await this.appendRecords(
      contents.map((row) => ({ topic: topics.templates.name, key: templateKey(row), value: null })),
    );
    await this.readBack();
    return contents.length > 0;
  }

  async stop(): Promise<void> {
    await this.follower.stop();
    await this.publisher?.close();
  }

  /** No field is too long, but all of them together may be, in an alphabet that takes three bytes a character. */
  private sizeFault(row: Omit<Template, 'version' | 'at' | 'putId'>): TemplateFault | null {
    try {
      this.host.codec.encode(topics.templates, {
        ...row,
        version: VERSIONS_MAX,
        at: this.host.clock.now(),
        putId: this.newId(),
      });
      return null;
    } catch (error) {
      if (!isPostlaneError(error, 'LIMIT_EXCEEDED')) throw error;
      const detail = `takes ${error.facts.bytes} bytes with all other fields; ${error.facts.bytesMax} are allowed`;
      return { problem: 'too-long', field: row.html === null ? 'text' : 'html', detail };
    }
  }

  /** Appends a row under the first version that is free, and looks whether it was the first to claim it. */
  private async append(row: Omit<Template, 'version' | 'at' | 'putId'>): Promise<Template> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const last = this.table.versions(row.tenant, row.templateId).at(-1)?.version ?? 0;
      const putId = this.newId();
      const claim: Template = { ...row, version: last + 1, at: this.host.clock.now(), putId };
      const value = this.host.codec.encode(topics.templates, claim);
      const key = templateKey(claim);
      await this.appendRecords([{ topic: topics.templates.name, key, value }]);
      await this.readBack();
      const owner = this.table.get(row.tenant, row.templateId, claim.version);
      if (owner?.putId === putId) return owner;
      await this.appendRecords([{ topic: topics.templates.name, key, value: null }]);
    }
    throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'others put versions of the template all the time' });
  }

  private async appendRecords(records: readonly LogRecord[]): Promise<void> {
    this.publisher ??= new Publisher({ kafka: this.host.kafka, deliveryTimeoutMs: this.appendMsMax });
    await this.publisher.append(records);
  }

  private async readBack(): Promise<void> {
    if (await this.follower.current(this.appendMsMax)) return;
    throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'reading back what was put' });
  }
}

const EMPTY: TemplateContent = {
  from: '',
  replyTo: null,
  subject: '',
  html: null,
  text: null,
  unsubscribeLink: null,
  oneClick: false,
  headers: [],
};

/** The fields of a content and no others, in one order. */
export const contentOf = (content: TemplateContent): TemplateContent => ({
  from: content.from,
  replyTo: content.replyTo,
  subject: content.subject,
  html: content.html,
  text: content.text,
  unsubscribeLink: content.unsubscribeLink,
  oneClick: content.oneClick,
  headers: content.headers.map(({ name, value }) => ({ name, value })),
});

const isSame = (row: Template, content: TemplateContent): boolean =>
  JSON.stringify(contentOf(row)) === JSON.stringify(contentOf(content));

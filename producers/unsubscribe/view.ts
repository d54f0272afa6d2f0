import type { ViewLink } from '../../src/domain/view-link.ts';
import type { HttpReply, Route, RouteResponse } from '../../src/http/route.ts';
import type { Telemetry } from '../../src/runtime/ports.ts';
import {
  type FindTemplate,
  joinPieces,
  type OwnLinks,
  ownValuesOf,
  renderTemplate,
} from '../../src/templates/index.ts';
import { gonePage, laterPage, mailPage, unknownPage } from './pages.ts';

export interface ViewParts {
  /** Where the links lead, without what comes behind it. */
  readonly path: string;
  /** What a token says; null where we did not make it. */
  readonly read: (token: string) => ViewLink | null;
  readonly templates: {
    readonly find: FindTemplate;
    /** Settles when everything is known that was put before the call; false where that takes too long. */
    caughtUp(): Promise<boolean>;
  };
  readonly links: OwnLinks;
  readonly telemetry: Pick<Telemetry, 'count'>;
}

const RETRY_SECONDS = 5;
const HTML: RouteResponse = { description: 'A page for people.', contentType: 'text/html', schema: { type: 'string' } };
const PARAMS = {
  type: 'object',
  properties: { token: { type: 'string', maxLength: 2_000 } },
  required: ['token'],
};

/** Where our links lead under which a mail can be seen in a browser: made anew of its template and of what its link says. */
export const viewRoute = (parts: ViewParts): Route<null> => ({
  path: `${parts.path}/{token}`,
  tag: 'view',
  scope: null,
  params: PARAMS,
  problems: [],
  method: 'GET',
  operationId: 'viewMail',
  summary: 'A mail in the browser',
  description: 'Shows a mail that was made of a template. Nothing in it runs, and nothing that it asks for acts.',
  responses: { 200: HTML, 404: HTML, 503: HTML },
  async handle({ params }) {
    const { what, page } = await view(params.token ?? '', parts);
    parts.telemetry.count('postlane_mail_views_total', { what });
    return page;
  },
});

async function view(
  token: string,
  { read, templates, links }: ViewParts,
): Promise<{ readonly what: string; readonly page: HttpReply }> {
  const link = read(token);
  if (link === null) return { what: 'unknown-link', page: unknownPage() };
  const { tenant, templateId, templateVersion } = link;
  const look = () => templates.find(tenant, templateId ?? '', templateVersion);
  let found = look();
  if (found.kind === 'unknown') {
    if (!(await templates.caughtUp())) return { what: 'not-current', page: laterPage(RETRY_SECONDS) };
    found = look();
  }
  if (found.kind !== 'found') return { what: 'gone', page: gonePage() };
  const rendered = renderTemplate(found.template, link.mergeData, ownValuesOf(link, links));
  if (!rendered.ok) return { what: 'gone', page: gonePage() };
  const { subject, html, text } = rendered.mail;
  return { what: 'shown', page: mailPage(subject, html === null ? null : joinPieces(html), joinPieces(text)) };
}

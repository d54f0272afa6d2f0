import type { Feedback } from '../../src/contracts/generated.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { UnsubscribeLink } from '../../src/domain/unsubscribe.ts';
import { type HttpReply, type HttpRequest, type Route, type RouteResponse, reply } from '../../src/http/route.ts';
import type { Clock, Telemetry } from '../../src/runtime/ports.ts';
import type { Output } from '../../src/runtime/processor.ts';
import { accept, askedIn, FORM_BYTES_MAX, wishId } from './accept.ts';
import { askPage, donePage, laterPage, notAskedPage, unknownPage } from './pages.ts';

export interface UnsubscribeParts {
  /** Where the links lead, without what comes behind it. */
  readonly path: string;
  /** What a token says; null where we did not make it. */
  readonly read: (token: string) => UnsubscribeLink | null;
  /** Settles when the record is replicated. */
  readonly append: (record: Output<Feedback>) => Promise<void>;
  /** Wishes that were kept, by their id: mail programs try again, and people press twice. */
  readonly kept: { get(id: string): true | undefined; set(id: string, kept: true): void };
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, 'count' | 'log'>;
}

const RETRY_SECONDS = 5;
const HTML: RouteResponse = { description: 'A page for people.', contentType: 'text/html', schema: { type: 'string' } };
const PARAMS = {
  type: 'object',
  properties: { token: { type: 'string', maxLength: 1_000 } },
  required: ['token'],
};

/** Where our unsubscribe links lead: GET shows a page and never acts, POST acts at once. No cookies, no redirects. */
export function unsubscribeRoutes(parts: UnsubscribeParts): Route<null>[] {
  const path = `${parts.path}/{token}`;
  const common = { path, tag: 'unsubscribe', scope: null, params: PARAMS, problems: [] } as const;
  return [
    {
      ...common,
      method: 'GET',
      operationId: 'showUnsubscribe',
      summary: 'A page for people',
      description: 'Shows what can be unsubscribed from. Never acts: mail scanners follow every link.',
      responses: { 200: HTML, 404: HTML },
      handle: (request) => Promise.resolve(show(request, parts)),
    },
    {
      ...common,
      method: 'POST',
      operationId: 'unsubscribe',
      summary: 'One-click unsubscription (RFC 8058), or what the page sends',
      description:
        '`List-Unsubscribe=One-Click` ends mail of the type of the mail that the link was in; `unwanted=all` ends all but ' +
        'transactional mail. Answered with success only once it is kept; the same again is answered alike.',
      body: { contentType: '*/*', schema: {}, bytesMax: FORM_BYTES_MAX },
      responses: { 200: HTML, 400: HTML, 404: HTML, 503: HTML },
      handle: (request) => act(request, parts),
    },
  ];
}

function show({ params }: HttpRequest<null>, { read, telemetry }: UnsubscribeParts): HttpReply {
  const link = read(params.token ?? '');
  telemetry.count('postlane_unsubscribe_total', { what: link === null ? 'unknown-link' : 'shown' });
  return link === null ? unknownPage() : askPage(link);
}

async function act(request: HttpRequest<null>, parts: UnsubscribeParts): Promise<HttpReply> {
  const { read, kept, append, clock, telemetry } = parts;
  const tell = (what: string): void => telemetry.count('postlane_unsubscribe_total', { what });
  const token = request.params.token ?? '';
  const link = read(token);
  if (link === null) {
    tell('unknown-link');
    return unknownPage();
  }
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const asked = askedIn(request.header('content-type'), body);
  if (asked === null) {
    tell('not-asked');
    return notAskedPage();
  }
  const { unwanted, isOneClick } = asked;
  const now: Millis = clock.now();
  const id = wishId(token, unwanted, now);
  const answer = isOneClick ? reply(200) : donePage(link, unwanted);
  if (kept.get(id)) {
    tell('repeated');
    return answer;
  }
  try {
    await append(accept(link, token, unwanted, now));
  } catch (error) {
    tell('not-kept');
    telemetry.log('warn', 'an unsubscription could not be kept', { error });
    return laterPage(RETRY_SECONDS);
  }
  kept.set(id, true);
  tell(isOneClick ? 'one-click' : `page:${unwanted}`);
  return answer;
}
